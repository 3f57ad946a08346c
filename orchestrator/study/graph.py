"""The trial graph: which trials a study needs, and which of them wait for which.

A trial's key is the hash of all that changes its result, its inputs included. Whoever asks for the
same pretraining (ten finetunes, three arms, next month's study) asks for the same key, so it is
trained once, and what a store already holds is found again.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import Field, model_validator

from model.config.base import Config
from model.config.recipe import TASK_OF_KIND, Recipe
from orchestrator.study.recipes import (
    Cell,
    InvalidRecipe,
    StageRecipe,
    cell_sections,
    stage_recipes,
)  # fmt: skip
from orchestrator.study.sections import Sections
from orchestrator.study.spec import StudyError, StudySpec

# Raise it when the same recipe would train to another result: old trials are then not reused.
RECIPE_VERSION = 2


class TrialSpec(Config):
    """One trial: what to train, and the trials that it takes something from."""

    key: str
    recipe: Recipe
    inputs: dict[str, str] = Field(default_factory=dict)
    """Role -> key of a trial that has to be done before this one starts."""

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, given: Any) -> Any:
        """Read what was written when trials had a kind and at most one parent."""
        recipe = given.get("recipe") if isinstance(given, dict) else None
        if not isinstance(recipe, dict) or "kind" not in recipe:
            return given
        left = {name: v for name, v in recipe.items() if name not in ("kind", "loss_version")}
        parent = given.get("parent")
        return {
            "key": given.get("key"),
            "recipe": {"task": TASK_OF_KIND.get(recipe["kind"]), **left},
            "inputs": {"weights": parent} if parent else {},
        }

    @property
    def task(self) -> str:
        """`restore` or `classify`."""
        return self.recipe.task


def trial_key(recipe: Recipe, inputs: Mapping[str, str]) -> str:
    """`<task>-<12 hex digits>`: equal for equal results, wherever the images lie."""
    content = {
        "recipe": recipe.public(),
        "version": RECIPE_VERSION,
        "inputs": dict(inputs),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"{recipe.task}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class CellTrials:
    """The trials that one cell asks for at one seed."""

    cell: Cell
    seed: int
    trials: Mapping[str, str]
    """Stage -> key, each stage after its inputs; stages that the cell does not need are absent."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The cell's trials, inputs first, each once."""
        return tuple(dict.fromkeys(self.trials.values()))


@dataclass(frozen=True)
class TrialGraph:
    """All trials of a study in the order they are wanted, each after its inputs."""

    trials: dict[str, TrialSpec]
    cells: tuple[CellTrials, ...]

    def cells_of(self, key: str) -> list[CellTrials]:
        """The cells that ask for a trial, one entry a seed, in the study's order."""
        return self._askers[key]

    def names_of(self, key: str) -> list[str]:
        """Names of the cells that ask for a trial, each once."""
        return list(dict.fromkeys(asker.cell.name for asker in self._askers[key]))

    def stages_of(self, key: str) -> list[str]:
        """Names of the stages that a trial is, each once: more than one where recipes are equal."""
        stages = (
            stage for asker in self._askers[key] for stage, k in asker.trials.items() if k == key
        )
        return list(dict.fromkeys(stages))

    @cached_property
    def _askers(self) -> dict[str, list[CellTrials]]:
        askers: dict[str, list[CellTrials]] = {key: [] for key in self.trials}
        for cell in self.cells:
            for key in cell.keys:
                askers[key].append(cell)
        return askers


def build_graph(study: StudySpec, cells: Iterable[Cell]) -> TrialGraph:
    """Turn a study's cells into its graph; equal trials become one.

    Raises:
        StudyError: a combination of axis values that no recipe allows.
    """
    trials: dict[str, TrialSpec] = {}
    asked: list[CellTrials] = []
    wanted = [(cell, cell_sections(study, cell)) for cell in cells]
    for seed in study.seeds:
        for cell, sections in wanted:
            keys: dict[str, str] = {}
            for stage, recipe in _checked(study, cell, sections, seed).items():
                keys[stage] = _add(trials, recipe, keys)
            asked.append(CellTrials(cell, seed, keys))
    return TrialGraph(trials, tuple(asked))


def _checked(study: StudySpec, cell: Cell, sections: Sections, seed: int) -> dict[str, StageRecipe]:
    try:
        return stage_recipes(study, sections, seed)
    except InvalidRecipe as error:
        raise StudyError(study.name, [f"cell {cell.name}: {error}"]) from None


def _add(trials: dict[str, TrialSpec], stage: StageRecipe, keys: Mapping[str, str]) -> str:
    """Note a stage's trial and return its key; `keys` has those of its inputs, by stage."""
    inputs = {role: keys[name] for role, name in stage.inputs.items()}
    key = trial_key(stage.recipe, inputs)
    trials.setdefault(key, TrialSpec(key=key, recipe=stage.recipe, inputs=inputs))
    return key
