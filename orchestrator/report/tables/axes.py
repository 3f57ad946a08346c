"""Axes of a table: their names, their values as printed, and the order of those."""

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.study.axes import Scalar

AXES = {"patch_size": "patch", "mask_ratio": "masked"}
DIGITS = 6


def axis_name(axis: str) -> str:
    """An axis as tables print it: `patch`, `masked`, or its path."""
    return AXES.get(axis, axis)


def label(axis: str, value: Scalar, digits: int = DIGITS) -> str:
    """An axis value as the paper prints it: `4x4`, `20 %`.

    Args:
        digits: significant ones of a real number, 6 to 19; a percentage has two fewer.
    """
    if axis == "patch_size":
        return f"{value}x{value}"
    if axis == "mask_ratio" and isinstance(value, float):
        return f"{100 * value:.{digits - 2}g} %"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def digits_needed(cells: Iterable[Mapping[str, Scalar]]) -> dict[str, int]:
    """Axis -> fewest significant digits at which no two of its values read the same.

    Args:
        cells: the values of each cell, by axis.
    """
    values_of: dict[str, set[Scalar]] = {}
    for values in cells:
        for axis, value in values.items():
            values_of.setdefault(axis, set()).add(value)
    return {axis: _digits(axis, values) for axis, values in values_of.items()}


def _digits(axis: str, values: set[Scalar]) -> int:
    # 17 digits tell any two doubles apart; a percentage has two fewer than it is given.
    for digits in range(DIGITS, 19):
        if len({label(axis, value, digits) for value in values}) == len(values):
            return digits
    return 19


def ordered(values: Iterable[Scalar | None]) -> list[Any]:
    """Each value once, None left out; numbers by size, others as they come."""
    unique = [value for value in dict.fromkeys(values) if value is not None]
    numbers = all(isinstance(value, int | float) for value in unique)
    return sorted(unique, key=float) if numbers else unique
