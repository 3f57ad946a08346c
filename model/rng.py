"""Keyed randomness: every draw is a function of (seed, stream, epoch, sample, position).

A streamed generator gives other numbers when the work is split or interrupted. Here nothing
advances: one worker or eight, killed and resumed or not, CPU or GPU, the same key gives the
same bits.
"""

from enum import IntEnum

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15, the increment of SplitMix64, as int64
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


class Stream(IntEnum):
    """What a draw is for; streams with one key are independent of each other."""

    SHUFFLE = 1
    AUGMENT = 2
    MASK = 3
    FILL = 4
    VALIDATION_MASK = 5
    FLIP = 6
    VALIDATION_FILL = 7


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical shift: torch's own on int64 copies the sign bit."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014); int64 arithmetic wraps."""
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def uniform(seed: int, stream: Stream, epoch: int, samples: Tensor, width: int) -> Tensor:
    """Uniform numbers for each sample.

    Args:
        samples: (N,) int64, indices of images in their whole set.
        width: numbers a sample.

    Returns:
        (N, width) float64 in [0, 1) with 53 random bits, on the device of `samples`.
    """
    key = torch.tensor(seed, dtype=torch.int64, device=samples.device)
    for word in (int(stream), epoch):
        key = _mix((key + 1) * _GOLDEN + word)
    rows = _mix(key + (samples + 1) * _GOLDEN)  # (N,)
    columns = torch.arange(1, width + 1, device=samples.device) * _GOLDEN  # (width,)
    bits = _mix(rows[:, None] + columns[None, :])
    return _shift_right(bits, 11).double() * 2.0**-53
