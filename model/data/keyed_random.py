"""Keyed draws for the data: the same key gives the same numbers, whatever else is drawn."""

import hashlib

import numpy as np
import numpy.typing as npt


def bits(key: tuple[object, ...], count: int) -> npt.NDArray[np.uint64]:
    """`count` random 64-bit words of a key; a longer draw of a key begins with a shorter one.

    Philox's raw words: numpy guarantees them across versions, which it does not for its Generator.
    """
    digest = hashlib.sha256(repr(key).encode()).digest()
    words: npt.NDArray[np.uint64] = np.random.Philox(
        key=int.from_bytes(digest[:16], "little")
    ).random_raw(count)
    return words


def uniform(key: tuple[object, ...], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Uniform float64 in [0, 1) of the given shape, filled row by row."""
    words = bits(key, int(np.prod(shape))) >> np.uint64(11)
    return (words.astype(np.float64) * 2.0**-53).reshape(shape)


def order(key: tuple[object, ...], count: int) -> npt.NDArray[np.int64]:
    """A random order of `range(count)`: (count,) int64."""
    return np.argsort(bits(key, count), kind="stable").astype(np.int64)
