"""Keyed randomness: every draw is a function of (seed, stream, epoch, sample, position).

A streamed generator gives other numbers when the work is split or interrupted. Here nothing
advances: one worker or eight, killed and resumed or not, CPU or GPU, the same key gives the
same bits.
"""

from enum import IntEnum
from typing import NamedTuple

import torch
from torch import Tensor

_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # the increment of SplitMix64
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


class Stream(IntEnum):
    """Purpose of a draw; streams with one key are independent of each other."""

    SHUFFLE = 1
    AUGMENT = 2
    MASK = 3
    FILL = 4
    VALIDATION_MASK = 5
    FLIP = 6
    VALIDATION_FILL = 7


class Key(NamedTuple):
    """Name of a draw, but for its sample: `uniform(*key, sample_ids, width)`."""

    seed: int
    stream: Stream
    epoch: int
    """Epoch of training; a constant where every pass must see the same draws (validation)."""


def held_out(seed: int, stream: Stream) -> Key:
    """Key of draws for held-out images: the same at every pass, so that epochs compare."""
    return Key(seed, stream, 0)


def _signed(word: int) -> int:
    """The int64 that has the bits of a 64-bit word."""
    return word - (1 << 64) if word >> 63 else word


def _mix_word(word: int) -> int:
    """`_mix` of one number; on the host, since a tensor made here would stall a GPU's queue."""
    word = ((word ^ (word >> 30)) * _MIX_1) & _WORD
    word = ((word ^ (word >> 27)) * _MIX_2) & _WORD
    return word ^ (word >> 31)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: torch's own on int64 copies the sign bit."""
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014); int64 arithmetic wraps."""
    x = (x ^ _shift_right(x, 30)).mul_(_signed(_MIX_1))
    x = x.bitwise_xor_(_shift_right(x, 27)).mul_(_signed(_MIX_2))
    return x.bitwise_xor_(_shift_right(x, 31))


def uniform(seed: int, stream: Stream, epoch: int, sample_ids: Tensor, width: int) -> Tensor:
    """Uniform numbers for each sample.

    Args:
        sample_ids: (N,) int64, indices of images in their whole set.
        width: numbers a sample.

    Returns:
        (N, width) float64 in [0, 1) with 53 random bits, on the device of `sample_ids`.
    """
    key = seed
    for word in (int(stream), epoch):
        key = _mix_word(((key + 1) * _GOLDEN + word) & _WORD)
    rows = _mix((sample_ids + 1) * _signed(_GOLDEN) + _signed(key))  # (N,)
    columns = torch.arange(1, width + 1, device=sample_ids.device) * _signed(_GOLDEN)  # (width,)
    bits = _mix(rows[:, None] + columns[None, :])
    return _shift_right(bits, 11).double().mul_(2.0**-53)
