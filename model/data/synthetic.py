"""The embedded image set: a patterned shape on a cluttered ground, drawn by formula.

A class is a shape (disc, star, cross, ...) with a pattern (stripes, dots, rings, ...). Place,
size, rotation, colours, lighting, ground, what is behind and in front, and noise are random: only
spatial structure gives the class, which neither inverted nor shifted colours hide.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from model.config.images import SyntheticImages
from model.data.keyed_random import uniform
from model.data.listing import digest
from model.data.shapes import PATTERNS, SHAPES, blob

GENERATOR_VERSION = 1
"""Goes up when the same configuration gives other images."""

Array = npt.NDArray[np.float64]

_NUM_SCENE = 72
"""Random numbers of one image, its noise aside."""
_NUM_BEHIND = 3
_CHUNK = 64
"""Images drawn at once: few enough to stay in the processor's cache."""


class SyntheticSource:
    """The images of a configuration, made block by block."""

    def __init__(self, config: SyntheticImages) -> None:
        self._seed = config.image_seed
        self._num_classes = config.num_classes
        self._num_train = config.train_per_class + config.dev_per_class
        self._num_val = config.val_per_class
        self.image_size = config.image_size
        self.notes: tuple[str, ...] = ()
        pairs = [_class_of(label) for label in range(config.num_classes)]
        self.class_names = tuple(f"{pattern} {shape}" for shape, pattern in pairs)
        labels = np.arange(config.num_classes, dtype=np.int64)
        self.labels = np.concatenate([labels.repeat(self._num_train), labels.repeat(self._num_val)])
        self.is_val = np.arange(len(self.labels)) >= config.num_classes * self._num_train
        sizes = (self.image_size, self._num_classes, self._num_train, self._num_val)
        self.fingerprint = digest(["synthetic", GENERATOR_VERSION, self._seed, *sizes])

    def pixel_notes(self) -> tuple[str, ...]:
        """None: these are made as they should be."""
        return ()

    def blocks(self) -> Iterator[npt.NDArray[np.uint8]]:
        """One class of one split after the other: (n, 3, S, S) uint8."""
        splits = (("train", self._num_train), ("val", self._num_val))
        for split, count in splits:
            for label in range(self._num_classes):
                yield from draw_class((split, self._seed, label), label, count, self.image_size)


def draw_class(
    key: tuple[object, ...], label: int, count: int, side: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Draw images of one class; a longer draw of the same key begins with a shorter one.

    Returns:
        Blocks of (n, 3, side, side) uint8 RGB, `count` images in all.
    """
    scene = uniform(("scene", *key), (count, _NUM_SCENE))
    noise = uniform(("noise", *key), (count, 3 * side * side)).reshape(count, 3, side, side)
    for start in range(0, count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        image = _scene(scene[rows], _class_of(label), side) + 0.05 * (noise[rows] - 0.5)
        yield np.rint(255 * image.clip(0, 1)).astype(np.uint8)


def _class_of(label: int) -> tuple[str, str]:
    """(shape, pattern). Each run of ten classes uses every shape and every pattern once."""
    shapes, patterns = list(SHAPES), list(PATTERNS)
    return shapes[label % 10], patterns[(label + 3 * (label // 10)) % 10]


class _Draws:
    """Hand out the columns of the random numbers of n images, each used once."""

    def __init__(self, columns: Array) -> None:
        self._columns, self._next = columns, 0

    def take(self, low: float, high: float) -> Array:
        """(n, 1, 1) uniform in [low, high)."""
        column = self._columns[:, self._next, None, None]
        self._next += 1
        return low + (high - low) * column

    def colour(self, low: float, high: float) -> Array:
        """(n, 3, 1, 1) of any hue, its lightness in [low, high)."""
        hue = self.take(0, 2 * np.pi)[..., None]
        chroma = self.take(0.05, 0.3)[..., None]
        thirds = np.array([0, 2, 4])[:, None, None] * np.pi / 3
        colour: Array = self.take(low, high)[..., None] + chroma * np.cos(hue + thirds)
        return colour


def _scene(numbers: Array, kind: tuple[str, str], side: int) -> Array:
    """(n, 3, S, S), about in [0, 1]. From back to front."""
    draws = _Draws(numbers)
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = axis[None, None, :], axis[None, :, None]
    image = _ground(draws, x, y)
    for _ in range(_NUM_BEHIND):
        image = _lay(image, _blob(draws, x, y, side, size=(0.15, 0.3)), draws.colour(0.2, 0.8))
    image = _object(draws, image, kind, x, y)
    image = _lay(image, _blob(draws, x, y, side, size=(0.12, 0.22)), draws.colour(0.2, 0.8))
    angle, depth = draws.take(0, 2 * np.pi), draws.take(0, 0.25)
    light = 1 + depth * (np.cos(angle) * x + np.sin(angle) * y)
    return image * light[:, None]


def _lay(image: Array, alpha: Array, colour: Array) -> Array:
    return image + alpha[:, None] * (colour - image)


def _ground(draws: _Draws, x: Array, y: Array) -> Array:
    """Two colours flowing into each other in three slow waves."""
    wave = np.zeros(1)
    for _ in range(3):
        phase = draws.take(0, 2 * np.pi)
        wave = wave + np.cos(draws.take(-4, 4) * x + draws.take(-4, 4) * y + phase)
    first, second = draws.colour(0.3, 0.7), draws.colour(0.3, 0.7)
    return first + (0.5 + wave / 6)[:, None] * (second - first)


def _frame(draws: _Draws, x: Array, y: Array, turn: float, place: float) -> tuple[Array, Array]:
    """Coordinates (n, S, S) about a random centre, turned by up to `turn` radians."""
    angle = draws.take(-turn, turn)
    x, y = x - draws.take(-place, place), y - draws.take(-place, place)
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def _blob(draws: _Draws, x: Array, y: Array, side: int, size: tuple[float, float]) -> Array:
    """Cover (n, S, S) of a blob with random lobes."""
    u, v = _frame(draws, x, y, turn=np.pi, place=1.0)
    radius = draws.take(*size)
    lobes = np.floor(draws.take(2, 6))
    inside = blob(u / radius, v / radius, lobes, draws.take(0, 0.35))
    return _cover(inside * radius, side)


def _cover(inside: Array, side: int) -> Array:
    """Share of each pixel that is covered, from the depth inside the outline."""
    return (0.5 + inside * side / 2).clip(0, 1)


def _object(draws: _Draws, image: Array, kind: tuple[str, str], x: Array, y: Array) -> Array:
    side = x.shape[-1]
    radius = draws.take(0.6, 0.85)
    u, v = _frame(draws, x, y, turn=0.3, place=0.17)
    u, v = u / radius, v / radius
    shape, pattern = SHAPES[kind[0]], PATTERNS[kind[1]]
    # How fast the pattern's edges rise: over about a pixel.
    wave = pattern(u, v, draws.take(0.8, 1.25))
    ink = (0.5 + wave * radius * side / 8).clip(0, 1)[:, None]
    light, dark = draws.colour(0.75, 0.95), draws.colour(0.05, 0.25)
    swap = (draws.take(0, 1) < 0.5)[..., None]
    first, second = np.where(swap, dark, light), np.where(swap, light, dark)
    alpha = _cover(shape(u, v) * radius, side)
    return _lay(image, alpha, first + ink * (second - first))
