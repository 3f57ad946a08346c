"""A study: what is trained, over which axes, and which tables it fills. One YAML file holds it."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from model.config.base import Config
from model.config.images import DataConfig, SyntheticImages
from model.config.network import ModelConfig
from model.config.training import FinetuneConfig, PretrainConfig
from model.errors import InputError
from orchestrator.study.alike import shorten_alike
from orchestrator.study.metrics import Metric, metrics_of
from orchestrator.study.result_files import reserved_by
from orchestrator.study.runtime import Runtime

Scalar = bool | int | float | str
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]

# Short names for the two axes of the paper.
ALIASES = {"patch_size": "pretrain.mask.patch_size", "mask_ratio": "pretrain.mask.ratio"}


class StudyError(InputError):
    """Every mistake of a study file, one line each: `path: value: what was expected`.

    The message has a few of many that are alike, and their number.
    """

    def __init__(self, source: str, mistakes: list[str]) -> None:
        self.mistakes = [_printable(mistake) for mistake in mistakes]
        lines = shorten_alike(self.mistakes)
        super().__init__("\n".join(f"{source}: {line}" for line in lines))


class Axis(Config):
    """One axis in Ray Tune's terms; exactly one of the keys is given."""

    grid: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    """Every value, crossed with every other axis (`tune.grid_search`)."""
    choice: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    """One of the values at random, `num_samples` times."""
    uniform: tuple[float, float] | None = None
    """A real number in [low, high)."""
    quniform: tuple[float, float, float] | None = None
    """As uniform, rounded to multiples of the third number."""
    loguniform: tuple[float, float] | None = None
    """A real number in [low, high), uniform in its logarithm."""
    randint: tuple[int, int] | None = None
    """A whole number in [low, high)."""
    lograndint: tuple[int, int] | None = None
    """A whole number in [low, high), uniform in its logarithm."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self._given) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        if self.kind in ("grid", "choice"):
            # 1, 1.0 and -0.0 and 0 are one value each, but true is not 1.
            unique = {(isinstance(value, bool), value) for value in self.values}
            if len(unique) != len(self.values):
                raise ValueError(f"duplicate value in {list(self.values)}")
        elif self.values[0] >= self.values[1]:  # type: ignore[operator]
            raise ValueError(f"low {self.values[0]} must be below high {self.values[1]}")
        elif self.quniform and not _on_steps(*self.quniform):
            raise ValueError(f"low and high of {list(self.quniform)} must be multiples of the step")
        elif self.kind.startswith("log") and self.values[0] <= 0:  # type: ignore[operator]
            raise ValueError(f"low {self.values[0]} must be above 0 on a logarithmic axis")
        return self

    @property
    def _given(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """The key that is given: `grid`, `choice`, `uniform`..."""
        return self._given[0]

    @property
    def values(self) -> tuple[Scalar, ...]:
        """Content of the key: the values themselves, or (low, high[, step])."""
        values: tuple[Scalar, ...] = getattr(self, self.kind)
        return values

    @property
    def probes(self) -> tuple[Scalar, ...]:
        """Values that must be valid for the axis to be: all of a list, both ends of a range."""
        return self.values if self.kind in ("grid", "choice") else self.values[:2]


def _on_steps(low: float, high: float, step: float) -> bool:
    return step > 0 and all(math.isclose(end / step, round(end / step)) for end in (low, high))


class Arm(Config):
    """A cell outside the grid, such as a control: named changes to the study's recipes."""

    name: Slug
    pretrain: bool = True
    """False: finetuned from scratch, like the baseline."""
    set: dict[str, Scalar] = Field(default_factory=dict)
    """Recipe fields by dotted path, such as `model.init: he`."""


class Table(Config):
    """One table: a metric of every cell, arranged by two axes."""

    name: Slug
    title: str
    kind: Literal["pretrain", "finetune"]
    """Trial of a cell that the metric is read from."""
    metric: Literal["val_loss", "val_accuracy", "train_loss", "train_accuracy"]
    rows: str = "patch_size"
    """Axis down the side."""
    columns: str = "mask_ratio"
    """Axis along the top."""
    select: Literal["last", "best_on_dev"] = "last"
    """Epoch the metric is read at; `best_on_dev` is the last where there is no dev set."""
    published: Literal["terentiev-2024/table-1", "terentiev-2024/table-2"] | None = None
    """Published values to print beside ours."""

    @field_validator("name")
    @classmethod
    def _no_file_of_ours(cls, name: str) -> str:
        # A table's files are named after it, and would replace what all tables are made from.
        if file := reserved_by(name):
            raise ValueError(f"the results folder has its own {file}; choose another name")
        return name

    @model_validator(mode="after")
    def _metric_exists(self) -> Self:
        if self.metric not in metrics_of(self.kind):
            raise ValueError(
                f"metric {self.metric}: pretrain trials have none; choices: val_loss, train_loss"
            )
        return self

    @property
    def measure(self) -> Metric:
        """The table's metric, with its unit."""
        return metrics_of(self.kind)[self.metric]


TABLE_1 = Table(
    name="table_1",
    title="Reconstruction loss (L1, all pixels) by patch size and mask ratio",
    kind="pretrain",
    metric="val_loss",
)
TABLE_2 = Table(
    name="table_2",
    title="Classification accuracy by patch size and mask ratio of the pretraining",
    kind="finetune",
    metric="val_accuracy",
)


def _tables(space: Mapping[str, Axis], pixels: str) -> tuple[Table, ...]:
    """The paper's two tables, by a grid's own axes and with the loss's own pixels in the title."""
    title = TABLE_1.title.replace(", all pixels", pixels)
    first = TABLE_1.model_copy(update={"title": title})
    paper = {TABLE_1.rows, TABLE_1.columns}
    grid = [name for name, axis in space.items() if axis.kind == "grid"]
    if not space or paper <= set(space):
        return first, TABLE_2
    axes = dict(zip(("rows", "columns"), grid, strict=False)) if len(grid) > 1 else {}
    by = f" by {axes['rows']} and {axes['columns']}" if axes else ""
    titles = (table.title.partition(" by ")[0] + by for table in (first, TABLE_2))
    changes = ({**axes, "title": title} for title in titles)
    both = zip((first, TABLE_2), changes, strict=True)
    return tuple(table.model_copy(update=change) for table, change in both)


class StudySpec(Config):
    """A whole study file; see `studies/` for examples."""

    name: Slug
    description: str = ""
    data: DataConfig = SyntheticImages()
    model: ModelConfig = ModelConfig()
    pretrain: PretrainConfig = PretrainConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    space: dict[str, Axis] = Field(default_factory=dict)
    """Axes by name: `patch_size`, `mask_ratio`, or the dotted path of any recipe field."""
    num_samples: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Draws of every non-grid axis (Tune's meaning: the grid is repeated for each draw)."""
    search_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed of those draws."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1)] = (0,)
    """Every cell is trained once for each seed."""
    baseline: bool = True
    """Also finetune the same network without pretraining."""
    arms: tuple[Arm, ...] = ()
    tables: tuple[Table, ...] = (TABLE_1, TABLE_2)
    """By default the paper's two tables, arranged by a grid's own axes where it has others."""
    runtime: Runtime = Runtime()

    @model_validator(mode="after")
    def _tables_of_its_axes(self) -> Self:
        if "tables" not in self.model_fields_set:
            # Set past the model, so that it does not count as a field that the user gave.
            object.__setattr__(self, "tables", _tables(self.space, self.loss_pixels))
        return self

    @property
    def loss_pixels(self) -> str:
        """The pixels that the reconstruction loss is over; empty where cells differ in them."""
        changes = {*self.space, *(path for arm in self.arms for path in arm.set)}
        if "pretrain.loss_region" in changes:
            return ""
        return {"all": ", all pixels", "masked": ", hidden pixels"}[self.pretrain.loss_region]

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        seeds: _Names = {("seeds", i): str(seed) for i, seed in enumerate(self.seeds)}
        arms: _Names = {("arms", i, "name"): arm.name for i, arm in enumerate(self.arms)}
        tables: _Names = {("tables", i, "name"): tab.name for i, tab in enumerate(self.tables)}
        axes: _Names = {("space", name): ALIASES.get(name, name) for name in self.space}
        _refuse_twice(seeds)
        _refuse_twice(arms, {"baseline": "the study's baseline"})
        _refuse_twice(tables)
        _refuse_twice(axes)
        return self


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
