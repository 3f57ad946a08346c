"""The points of a study: axes of its search space, and arms beside it."""

import math
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from model.config.base import Config
from orchestrator.study.stages import Slug

Scalar = bool | int | float | str
Setting = Scalar | dict[str, Any]
"""A value of a field, a mapping for a whole section, or `none` to remove one."""

# Short names for the two axes of the paper, in studies of one pretraining and one finetuning.
ALIASES = {"patch_size": "pretrain.mask.patch_size", "mask_ratio": "pretrain.mask.ratio"}


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
    """False: the last stage has no inputs, like the baseline."""
    set: dict[str, Setting] = Field(default_factory=dict)
    """Fields by dotted path, such as `model.init: he`; a mapping replaces a whole section, and
    `none` removes an input or a term."""
    cross: tuple[str, ...] = ()
    """Axes of the grid that the arm is crossed with: one cell for each of their values."""
