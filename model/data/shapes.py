"""Shapes and patterns of the embedded images, as formulas over the plane.

A shape gives the depth inside its outline (negative outside), which reaches about radius 1; a
pattern gives a wave, positive in the second colour.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Shape = Callable[[Array, Array], Array]
"""(u, v) -> depth."""
Pattern = Callable[[Array, Array, Array], Array]
"""(u, v, frequency about 1) -> wave about in [-1, 1]."""


def _radius(u: Array, v: Array) -> Array:
    radius: Array = np.hypot(u, v)  # typed here: numpy's own type is Any
    return radius


def blob(u: Array, v: Array, lobes: Array | int, depth: Array | float) -> Array:
    """Depth inside a disc whose radius swings by `depth` as often as it has lobes."""
    return 1 - depth + depth * np.cos(lobes * np.arctan2(v, u)) - _radius(u, v)


def _polygon(u: Array, v: Array, corners: int) -> Array:
    sector = 2 * np.pi / corners
    # One corner points up (v runs downwards).
    angle = (np.arctan2(u, -v) % sector) - sector / 2
    depth: Array = np.cos(sector / 2) - _radius(u, v) * np.cos(angle)
    return depth


def _box(u: Array, v: Array, width: float, height: float) -> Array:
    return np.minimum(width - np.abs(u), height - np.abs(v))


def _cross(u: Array, v: Array) -> Array:
    return np.maximum(_box(u, v, 0.95, 0.3), _box(u, v, 0.3, 0.95))


def _ring(u: Array, v: Array) -> Array:
    radius = _radius(u, v)
    return np.minimum(1 - radius, radius - 0.4)


def _crescent(u: Array, v: Array) -> Array:
    return np.minimum(1 - _radius(u, v), _radius(u - 0.55, v) - 0.75)


def _hourglass(u: Array, v: Array) -> Array:
    return np.minimum(0.9 - np.abs(v), 0.1 + 0.75 * np.abs(v) - np.abs(u))


def _tee(u: Array, v: Array) -> Array:
    return np.maximum(_box(u, v + 0.6, 0.9, 0.32), _box(u, v - 0.1, 0.3, 0.85))


SHAPES: dict[str, Shape] = {
    "disc": lambda u, v: 0.9 - _radius(u, v),
    "bar": lambda u, v: _box(u, v, 1.0, 0.4),
    "triangle": lambda u, v: _polygon(u, v, 3),
    "cross": _cross,
    "ring": _ring,
    "square": lambda u, v: _box(u, v, 0.8, 0.8),
    "star": lambda u, v: 1.2 * blob(-v, u, 5, 0.3),
    "crescent": _crescent,
    "hourglass": _hourglass,
    "tee": _tee,
}

PATTERNS: dict[str, Pattern] = {
    "plain": lambda u, v, f: np.full(np.broadcast_shapes(u.shape, v.shape), -1.0),
    "striped": lambda u, v, f: np.sin(2 * np.pi * f * 2 * v),
    "dotted": lambda u, v, f: (
        np.cos(2 * np.pi * f * 1.7 * u) + np.cos(2 * np.pi * f * 1.7 * v) - 0.7
    ),
    "ringed": lambda u, v, f: np.sin(2 * np.pi * f * 2 * _radius(u, v)),
    "halved": lambda u, v, f: 2 * u,
    "barred": lambda u, v, f: np.sin(2 * np.pi * f * 2 * u),
    "checked": lambda u, v, f: 2 * np.sin(2 * np.pi * f * u) * np.sin(2 * np.pi * f * v),
    "rayed": lambda u, v, f: np.sin(6 * np.arctan2(v, u)) * _radius(u, v) * 1.5,
    "slanted": lambda u, v, f: np.sin(2 * np.pi * f * 1.4 * (u + v)),
    "cored": lambda u, v, f: 2 * (0.6 * f - _radius(u, v)),
}
