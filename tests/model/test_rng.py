import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.rng import Key, Stream, uniform

_WORD = 2**64


def _splitmix(state: int, count: int) -> list[int]:
    """SplitMix64 as published: add the golden gamma, then mix (Steele, Lea & Flood 2014)."""
    words = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % _WORD
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % _WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % _WORD
        words.append(z ^ (z >> 31))
    return words


def _slow(key: Key, sample: int, width: int) -> list[float]:
    """One sample's numbers: a SplitMix64 sequence that starts where a chain of them leads."""
    state = key.seed
    for word in (key.stream, key.epoch):
        state = _splitmix(state * 0x9E3779B97F4A7C15 + word, 1)[0]
    state = _splitmix(state + sample * 0x9E3779B97F4A7C15, 1)[0]
    return [(word >> 11) / 2**53 for word in _splitmix(state, width)]


def test_slow_version_is_splitmix64():
    # First outputs for seed 1234567, the usual test vector of SplitMix64.
    assert _splitmix(1234567, 3) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@given(
    seed=st.integers(0, 2**31 - 1),
    stream=st.sampled_from(Stream),
    epoch=st.integers(0, 10_000),
    samples=st.lists(st.integers(0, 2**40), min_size=1, max_size=5),
    width=st.integers(1, 9),
)
@settings(deadline=None)
def test_equals_the_slow_version(seed, stream, epoch, samples, width):
    key = Key(seed, stream, epoch)
    # Bit for bit, for any key: this pins what finished trials were trained on.
    assert uniform(*key, torch.tensor(samples), width).tolist() == [
        _slow(key, sample, width) for sample in samples
    ]


@given(st.permutations(range(20)), st.integers(1, 19))
def test_a_sample_draws_the_same_in_any_batch(order, cut):
    samples = torch.arange(20) * 7
    together = uniform(3, Stream.MASK, 2, samples, 6)
    order = torch.tensor(order)
    parts = [uniform(3, Stream.MASK, 2, samples[part], 6) for part in order.tensor_split([cut])]
    # However a set is permuted and cut, each sample keeps its row.
    assert torch.equal(torch.cat(parts), together[order])
    # A wider draw begins with the narrower one.
    assert torch.equal(uniform(3, Stream.MASK, 2, samples, 9)[:, :6], together)


def _chi2(counts: Tensor) -> float:
    """Standardised chi-square of counts that should be equal: about N(0, 1)."""
    expected = counts.sum() / counts.numel()
    degrees = counts.numel() - 1
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float((statistic - degrees) / math.sqrt(2 * degrees))


def test_numbers_are_uniform():
    numbers = uniform(0, Stream.MASK, 0, torch.arange(2000), 100).flatten()
    assert numbers.dtype == torch.float64
    assert numbers.min() >= 0
    assert numbers.max() < 1
    # Counts in 1,000 equal bins deviate as chance would have it.
    assert abs(_chi2(torch.histc(numbers, 1000, 0, 1))) < 4
    ideal = (torch.arange(len(numbers)) + 0.5) / len(numbers)
    # Kolmogorov-Smirnov: exceeded by chance once in a thousand.
    assert float((numbers.sort().values - ideal).abs().max()) * math.sqrt(len(numbers)) < 1.95
    words = (numbers * 2**53).long()
    ones = torch.stack([(words >> bit) & 1 for bit in range(53)]).double().mean(dim=1)
    # Each of the 53 bits is set half of the time.
    assert float((ones - 0.5).abs().max()) < 5 * 0.5 / math.sqrt(len(numbers))


_HERE = Key(0, Stream.MASK, 0)
_NEIGHBOURS = {
    "next seed": Key(1, Stream.MASK, 0),
    "next epoch": Key(0, Stream.MASK, 1),
    "another stream": Key(0, Stream.FILL, 0),
    # Sums of the words agree, so a key that merely added them would repeat.
    "epoch for stream": Key(0, Stream.AUGMENT, 1),
    "stream for seed": Key(1, Stream.AUGMENT, 0),
}


def _pair(which: str) -> tuple[Tensor, Tensor]:
    """Numbers here, and the neighbours that must tell nothing about them."""
    samples = torch.arange(1000)
    here = uniform(*_HERE, samples, 200)
    if which == "next sample":
        return here, uniform(*_HERE, samples + 1, 200)
    if which == "next position":
        return here[:, :-1], here[:, 1:]
    if which == "next sample, earlier position":
        return here[:-1, 1:], here[1:, :-1]
    return here, uniform(*_NEIGHBOURS[which], samples, 200)


@pytest.mark.parametrize(
    "which", ["next sample", "next position", "next sample, earlier position", *_NEIGHBOURS]
)
def test_neighbours_are_independent(which):
    here, there = (numbers.flatten() for numbers in _pair(which))
    cells = (here * 16).long() * 16 + (there * 16).long()
    # Pairs fill the 16 x 16 squares evenly.
    assert abs(_chi2(cells.bincount(minlength=256).double())) < 4
    # Nor are they correlated.
    assert abs(float(torch.corrcoef(torch.stack((here, there)))[0, 1])) < 4 / math.sqrt(len(here))


def test_the_host_never_waits():
    # A meta tensor has no data: reading it on the host raises.
    assert uniform(*_HERE, torch.arange(4, device="meta"), 7).shape == (4, 7)


@pytest.mark.gpu
def test_a_gpu_draws_the_same_bits():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    samples = torch.arange(500)
    drawn = uniform(*_HERE, samples.cuda(), 64).cpu()
    # Integer arithmetic is exact everywhere.
    assert torch.equal(drawn, uniform(*_HERE, samples, 64))
