"""One measured figure, and what it is measured against."""

import statistics
from collections.abc import Sequence
from typing import Any, Literal

from model.config.base import Config


class Goal(Config):
    """The figure to reach."""

    of: Literal["ratio", "value"]
    bound: Literal["at least", "at most"]
    limit: float
    stretch: float | None = None

    def met(self, figure: float) -> bool:
        """Whether a ratio or value reaches the limit."""
        return figure >= self.limit if self.bound == "at least" else figure <= self.limit


class Result(Config):
    """A figure's median over alternated rounds, beside that of a peer in the same rounds."""

    name: str
    """`<part>.<what>`: the same from version to version."""
    unit: str
    value: float | None = None
    """Median; None where it was not measured."""
    low: float | None = None
    high: float | None = None
    """Extremes over the rounds."""
    runs: int = 0
    against: str | None = None
    """The peer, in words."""
    peer: float | None = None
    """The peer's median, in the same unit."""
    ratio: float | None = None
    """Median over the rounds of how many times better than the peer; above 1 is better."""
    goal: Goal | None = None
    note: str = ""
    """Remarks that a reader needs to judge the figure, or why it was not measured."""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal or a figure."""
        figure = self.value if self.goal and self.goal.of == "value" else self.ratio
        return None if self.goal is None or figure is None else self.goal.met(figure)


def result(
    name: str,
    unit: str,
    ours: Sequence[float],
    theirs: Sequence[float] = (),
    *,
    less_is_better: bool = False,
    **more: Any,
) -> Result:
    """A result from what each round gave, ours and the peer's.

    Args:
        more: `against`, `goal` and `note`.

    Raises:
        ValueError: the peer has another number of rounds.
    """
    fields: dict[str, Any] = {
        "value": statistics.median(ours),
        "low": min(ours),
        "high": max(ours),
        "runs": len(ours),
    }
    if theirs:
        # Round by round: a machine that is slow for a minute is slow for both.
        ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
        ratio = statistics.median([1 / one for one in ratios] if less_is_better else ratios)
        fields |= {"peer": statistics.median(theirs), "ratio": ratio}
    return Result(name=name, unit=unit, **fields, **more)


def not_measured(name: str, unit: str, why: str, **more: Any) -> Result:
    """A row that says why there is no figure."""
    return Result(name=name, unit=unit, note=f"not measured: {why}", **more)


def at_least(limit: float, stretch: float | None = None, of: str = "ratio") -> Goal:
    """A goal from below, of the ratio unless `of` says value."""
    return Goal.model_validate({"of": of, "bound": "at least", "limit": limit, "stretch": stretch})


def at_most(limit: float, stretch: float | None = None, of: str = "value") -> Goal:
    """A goal from above, of the value unless `of` says ratio."""
    return Goal.model_validate({"of": of, "bound": "at most", "limit": limit, "stretch": stretch})
