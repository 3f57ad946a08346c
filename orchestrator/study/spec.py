"""A study: what is trained, over which axes, and which tables it fills. One YAML file holds it."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from model.config.base import Config
from model.config.images import DataConfig, SyntheticImages
from model.config.network import ModelConfig
from model.config.training import ClassifyConfig, RestoreConfig
from model.errors import InputError
from orchestrator.study.alike import shorten_alike
from orchestrator.study.axes import ALIASES, Arm, Axis
from orchestrator.study.runtime import Runtime
from orchestrator.study.stages import (
    NOT_STAGES,
    ClassifyStage,
    Network,
    RestoreStage,
    Slug,
    Stage,
    StageName,
    inputs_of,
)  # fmt: skip
from orchestrator.study.tables import TABLE_1, TABLE_2, Table, default_tables

_AnyStage = RestoreStage | ClassifyStage


class StudyError(InputError):
    """Every mistake of a study file, one line each: `path: value: what was expected`.

    The message has a few of many that are alike, and their number.
    """

    def __init__(self, source: str, mistakes: list[str]) -> None:
        self.mistakes = [_printable(mistake) for mistake in mistakes]
        lines = shorten_alike(self.mistakes)
        super().__init__("\n".join(f"{source}: {line}" for line in lines))


class StudySpec(Config):
    """A whole study file; see `studies/` for examples."""

    name: Slug
    description: str = ""
    data: DataConfig = SyntheticImages()
    networks: dict[Slug, ModelConfig] = Field(default_factory=dict)
    """Networks by name, for `model` here, in a stage, an arm or an axis."""
    model: Network = ModelConfig()
    """The network of every stage that does not say otherwise."""
    pretrain: RestoreConfig = RestoreConfig()
    finetune: ClassifyConfig = ClassifyConfig()
    stages: dict[StageName, Stage] = Field(default_factory=dict)
    """The graph. Without it, `pretrain` restores and `finetune` classifies from its weights."""
    space: dict[str, Axis] = Field(default_factory=dict)
    """Axes by name: `patch_size`, `mask_ratio`, or the dotted path of any recipe field."""
    num_samples: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Draws of every non-grid axis (Tune's meaning: the grid is repeated for each draw)."""
    search_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of those draws."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1)] = (0,)
    """Every cell is trained once for each seed."""
    baseline: bool = True
    """Also train the last stage without its inputs: finetuning without pretraining."""
    arms: tuple[Arm, ...] = ()
    tables: tuple[Table, ...] = (TABLE_1, TABLE_2)
    """By default the paper's two tables, arranged by a grid's own axes where it has others."""
    runtime: Runtime = Runtime()

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        short = self.model_fields_set & {"pretrain", "finetune"}
        if self.stages and short:
            section = sorted(short)[-1]
            raise _at((section,), f"stages are given, so that {section} is one of them or nothing")
        for name in NOT_STAGES:
            if name in self.stages:
                raise _at(("stages", name), f"{name!r} is no name for a stage")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        # Set past the model, so that none of it counts as a field that the user gave.
        if not self.stages:
            object.__setattr__(self, "stages", _short_form(self.pretrain, self.finetune))
        if "tables" not in self.model_fields_set:
            shown = {name: stage.task for name, stage in self.stages.items()}
            object.__setattr__(self, "tables", default_tables(shown, self.space, self.loss_pixels))
        for table in self.tables:
            if stage := self.stages.get(table.stage):
                object.__setattr__(table, "task", stage.task)
        return self

    @property
    def is_short(self) -> bool:
        """Whether the study is one pretraining and one finetuning, given as such."""
        return "stages" not in self.model_fields_set

    @property
    def aliases(self) -> dict[str, str]:
        """Short names of axes and the paths that they stand for."""
        return ALIASES if self.is_short else {}

    @property
    def inputs(self) -> dict[str, dict[str, str]]:
        """The stages that each stage takes something from, by role."""
        return {name: inputs_of(stage) for name, stage in self.stages.items()}

    @property
    def loss_pixels(self) -> str:
        """The pixels that the reconstruction loss is over; empty where cells differ in them."""
        changed = {*self.space, *(path for arm in self.arms for path in arm.set)}
        if any(path.endswith(".loss_region") for path in changed):
            return ""
        words = {"all": ", all pixels", "masked": ", hidden pixels"}
        restoring = (stage for stage in self.stages.values() if isinstance(stage, RestoreStage))
        regions = {words[stage.loss_region] for stage in restoring}
        return regions.pop() if len(regions) == 1 else ""

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        seeds: _Names = {("seeds", i): str(seed) for i, seed in enumerate(self.seeds)}
        arms: _Names = {("arms", i, "name"): arm.name for i, arm in enumerate(self.arms)}
        tables: _Names = {("tables", i, "name"): tab.name for i, tab in enumerate(self.tables)}
        axes: _Names = {("space", name): self.aliases.get(name, name) for name in self.space}
        _refuse_twice(seeds)
        _refuse_twice(arms, {"baseline": "the study's baseline"})
        _refuse_twice(tables)
        _refuse_twice(axes)
        return self


def _short_form(pretrain: RestoreConfig, finetune: ClassifyConfig) -> dict[str, _AnyStage]:
    """One pretraining, and one finetuning that starts from it."""
    given = {name: getattr(pretrain, name) for name in type(pretrain).model_fields}
    first = RestoreStage.model_construct(task="restore", **given)
    given = {name: getattr(finetune, name) for name in type(finetune).model_fields}
    last = ClassifyStage.model_construct(task="classify", weights="pretrain", **given)
    return {"pretrain": first, "finetune": last}


def _at(place: tuple[str, ...], message: str) -> PydanticCustomError:
    """A mistake at a place of the study."""
    return PydanticCustomError("study", "{message}", {"message": message, "at": place})


_Names = dict[tuple[str | int, ...], str]
"""Names by their place in the study."""


def _refuse_twice(names: _Names, taken: Mapping[str, str] | None = None) -> None:
    """Raise what `mistakes` tells of a name that stands at two places: the second of them."""
    seen = dict(taken or {})
    for place, name in names.items():
        if name in seen:
            raise PydanticCustomError(
                "duplicate", "duplicate of {first}", {"first": seen[name], "at": place}
            )
        seen[name] = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
        seen[name] = seen[name].lstrip(".")


def _printable(text: str) -> str:
    # A line break or an escape sequence inside a key must not pass for output of ours.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
