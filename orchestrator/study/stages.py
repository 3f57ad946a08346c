"""Stages of a study: the nodes of its graph, each a task with its inputs and settings."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from model.config.base import Config
from model.config.network import ModelConfig
from model.config.training import ClassifyConfig, RestoreConfig

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
StageName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
"""Without dots, which separate the steps of a path."""
NOT_STAGES = ("none", "model", "data", "networks", "runtime")
"""Words that have a meaning where a stage's name could stand."""
NONE = "none"
"""Removes an input or a term in a study file."""

Input = Annotated[StageName | None, BeforeValidator(lambda value: None if value == NONE else value)]
Overlay = dict[str, Any]
"""Fields that differ from the study's own; checked with the recipe that they end in."""


def _name_or_fields(value: object) -> str:
    return "name" if isinstance(value, str) else "fields"


Network = Annotated[
    Annotated[ModelConfig, Tag("fields")] | Annotated[Slug, Tag("name")],
    Discriminator(_name_or_fields),
]
"""A network's fields, or the name of one of the study's `networks`."""
NetworkOverlay = Annotated[
    Annotated[Overlay, Tag("fields")] | Annotated[Slug, Tag("name")],
    Discriminator(_name_or_fields),
]


class _StageFields(Config):
    weights: Input = None
    """Stage whose trained network this one starts from; none draws fresh weights."""
    data: Overlay = Field(default_factory=dict)
    """Images, where they differ from the study's."""
    model: NetworkOverlay = Field(default_factory=dict)
    """Network, where it differs from the study's: some fields, or a name out of `networks`."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    """One seed for all seeds of the study; None takes each of these."""


class RestoreStage(_StageFields, RestoreConfig):
    """A stage that trains a network to restore masked images."""

    task: Literal["restore"]


class ClassifyStage(_StageFields, ClassifyConfig):
    """A stage that trains a network to name the class."""

    task: Literal["classify"]
    teacher: Input = None
    """Stage whose trained network this one learns from; for terms that need one."""


Stage = Annotated[RestoreStage | ClassifyStage, Field(discriminator="task")]
ROLES = ("weights", "teacher")
"""Fields of a stage that name another one."""


def inputs_of(stage: RestoreStage | ClassifyStage) -> dict[str, str]:
    """The stages that a stage takes something from, by role."""
    named = {role: getattr(stage, role, None) for role in ROLES}
    return {role: name for role, name in named.items() if name}


def in_order(inputs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names of stages, each after its inputs; else in the order of the mapping.

    Args:
        inputs: the inputs of each stage by role.

    Raises:
        ValueError: stages take inputs from each other in a circle; the message goes round it.
    """
    sorter = TopologicalSorter({stage: set(roles.values()) for stage, roles in inputs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(" -> ".join(reversed(error.args[1]))) from None
    ordered: list[str] = []
    while len(ordered) < len(inputs):
        ready = set(sorter.get_ready())
        ordered += [stage for stage in inputs if stage in ready]
        sorter.done(*ready)
    return ordered


def sinks(inputs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Stages that no other takes anything from: those that a cell is trained for."""
    used = {name for roles in inputs.values() for name in roles.values()}
    return [stage for stage in inputs if stage not in used]


def needed(wanted: list[str], inputs: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Some stages with all that they take something from, directly or not."""
    found: set[str] = set()
    open_stages = list(wanted)
    while open_stages:
        stage = open_stages.pop()
        if stage not in found:
            found.add(stage)
            open_stages += inputs[stage].values()
    return found
