"""Which pixels are hidden."""

from math import log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.config.masking import MaskConfig
from model.masking.masks import fill, visible
from model.rng import Key, Stream, uniform

_KEY = Key(0, Stream.MASK, 0)
_NOISE = Key(0, Stream.FILL, 0)
_MODES = ("bernoulli", "exact", "block", "none")


def _patches(config: MaskConfig, side: int, samples: Tensor, key: Key = _KEY) -> Tensor:
    """One value for each patch, (N, G, G), once it is sure that its pixels agree."""
    shown = visible(config, side, key, samples)
    assert shown.shape == (len(samples), 1, side, side)
    assert shown.dtype == torch.bool
    size = config.patch_size
    grid = shown[:, 0, ::size, ::size]
    # The grid starts at pixel (0, 0) and no patch is partly hidden.
    assert torch.equal(shown[:, 0], grid.repeat_interleave(size, 1).repeat_interleave(size, 2))
    return grid


@pytest.mark.parametrize(("patch", "deviation"), [(2, 0.0124), (4, 0.0250), (8, 0.049)])
def test_bernoulli_hides_the_ratio_on_average(patch, deviation):
    grid = _patches(MaskConfig(patch_size=patch, ratio=0.2), 64, torch.arange(3000))
    hidden = 1 - grid.double().mean(dim=(1, 2))
    # The realised share is 20 % within four standard errors.
    assert float(hidden.mean()) == pytest.approx(0.2, abs=4 * deviation / sqrt(3000))
    # It scatters as was measured on the public UVCGANv2 code.
    assert float(hidden.std()) == pytest.approx(deviation, rel=0.06)


def test_bernoulli_compares_each_patch_with_the_ratio():
    config = MaskConfig(patch_size=4, ratio=0.3)
    samples = torch.tensor([5, 900])
    shown = visible(config, 16, _KEY, samples)
    numbers = uniform(*_KEY, samples, 16)
    for n, row, column in np.ndindex(2, 16, 16):
        # The pixel's patch, counted row by row.
        patch = row // 4 * 4 + column // 4
        assert shown[n, 0, row, column] == (numbers[n, patch] > 0.3)


@given(
    patch=st.sampled_from([1, 2, 4, 8, 16]),
    ratio=st.floats(0.01, 0.99),
    mode=st.sampled_from(["exact", "block"]),
    first=st.integers(0, 10**9),
)
@settings(deadline=None, max_examples=60)
def test_exact_and_block_hide_an_exact_number(patch, ratio, mode, first):
    config = MaskConfig(patch_size=patch, ratio=ratio, mode=mode)
    hidden = ~_patches(config, 16, first + torch.arange(3))
    # Whatever the ratio, also where rectangles alone would take long to cover the image.
    assert hidden.sum(dim=(1, 2)).tolist() == [round(ratio * (16 // patch) ** 2)] * 3


def test_exact_hides_the_lowest_numbers():
    samples = torch.arange(50)
    grid = _patches(MaskConfig(patch_size=4, ratio=0.4, mode="exact"), 32, samples)
    for numbers, shown in zip(uniform(*_KEY, samples, 64), grid.flatten(1), strict=True):
        # round(0.4 * 64) = 26 patches.
        assert torch.equal(shown, numbers > numbers.sort().values[25])


@pytest.mark.parametrize("mode", ["bernoulli", "exact"])
def test_every_patch_is_hidden_equally_often(mode):
    grid = _patches(MaskConfig(patch_size=8, ratio=0.5, mode=mode), 64, torch.arange(4000))
    often = grid.double().mean(dim=0)
    # 64 frequencies within 4.5 standard errors of one half.
    assert float((often - 0.5).abs().max()) < 4.5 * 0.5 / sqrt(4000)


def _slow_blocks(side: int, count: int, numbers: list[float]) -> set[tuple[int, int]]:
    """BEiT's algorithm for one image with plain numbers: the hidden patches."""
    hidden: set[tuple[int, int]] = set()
    for area, aspect, top, left in zip(*[iter(numbers[: 4 * 64])] * 4, strict=True):
        missing = count - len(hidden)
        least = min(missing, 16 / 196 * side**2)
        size = least + area * (missing - least)
        ratio = np.exp(log(0.3) + aspect * (log(1 / 0.3) - log(0.3)))
        height, width = (
            int(np.clip(round(sqrt(x)), 1, side)) for x in (size * ratio, size / ratio)
        )
        above, before = int(top * (side - height + 1)), int(left * (side - width + 1))
        block = [(above + row, before + column) for row, column in np.ndindex(height, width)]
        hidden |= set([patch for patch in block if patch not in hidden][:missing])
    spare = sorted(
        set(np.ndindex(side, side)) - hidden, key=lambda x: numbers[256:][x[0] * side + x[1]]
    )
    return hidden | set(spare[: count - len(hidden)])


@pytest.mark.parametrize(("ratio", "count"), [(0.2, 51), (0.6, 154), (0.95, 243)])
def test_blocks_equal_the_slow_version(ratio, count):
    samples = torch.arange(40)
    grid = _patches(MaskConfig(patch_size=4, ratio=ratio, mode="block"), 64, samples)
    numbers = uniform(*_KEY, samples, 4 * 64 + 256).tolist()
    for shown, row in zip(grid, numbers, strict=True):
        assert {tuple(at) for at in (~shown).nonzero().tolist()} == _slow_blocks(16, count, row)


def test_blocks_hang_together():
    def joined(mode: str) -> float:
        grid = ~_patches(MaskConfig(patch_size=4, ratio=0.4, mode=mode), 64, torch.arange(300))
        both = grid[:, :, :-1] & grid[:, :, 1:]
        return float(both.sum() / grid[:, :, :-1].sum())

    # The patch to the right of a hidden one is hidden too: 40 % by chance, most in rectangles.
    assert joined("exact") == pytest.approx(0.4, abs=0.01)
    assert joined("block") > 0.75


def test_none_hides_nothing():
    assert _patches(MaskConfig(mode="none"), 16, torch.arange(3)).all()


@given(
    mode=st.sampled_from(_MODES),
    order=st.permutations(range(12)),
    cut=st.integers(0, 12),
    epoch=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_a_samples_mask_and_noise_are_the_same_in_any_batch(mode, order, cut, epoch):
    config = MaskConfig(mode=mode, fill="noise")
    key, noise = Key(1, Stream.MASK, epoch), Key(1, Stream.FILL, epoch)
    samples, images = torch.arange(12) * 11, torch.rand(12, 3, 16, 16)

    def masked(at: Tensor) -> Tensor:
        shown = visible(config, 16, key, samples[at])
        return torch.cat((fill(images[at], shown, config, noise, samples[at]), shown), dim=1)

    order = torch.tensor(order)
    # Permuted and cut in two, each sample keeps its mask and what fills it.
    parts = torch.cat([masked(part) for part in order.tensor_split([cut])])
    assert torch.equal(parts, masked(torch.arange(12))[order])


@pytest.mark.parametrize("mode", ["bernoulli", "exact", "block"])
@pytest.mark.parametrize("other", [(1, Stream.MASK, 0), (0, Stream.MASK, 1), (0, Stream.FILL, 0)])
def test_other_keys_give_other_masks(mode, other):
    config = MaskConfig(mode=mode)
    here, there = (_patches(config, 64, torch.arange(50), key) for key in (_KEY, Key(*other)))
    # No image keeps its mask from one seed, epoch or stream to the next.
    assert (here != there).any(dim=2).any(dim=1).all()


def test_a_patch_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="patch_size 5 does not divide the 64-pixel image"):
        visible(MaskConfig(patch_size=5), 64, _KEY, torch.arange(1))


def test_streamed_masks_have_no_key():
    with pytest.raises(ValueError, match="mode 'uvcgan2' depend on positions"):
        visible(MaskConfig(mode="uvcgan2"), 64, _KEY, torch.arange(2))


@pytest.mark.parametrize("mode", ["bernoulli", "exact", "none"])
@pytest.mark.parametrize("how", ["zero", "mean", "noise"])
def test_the_host_never_waits(mode, how):
    config, samples = MaskConfig(mode=mode, fill=how), torch.arange(2, device="meta")
    # Meta tensors have no data: reading one on the host raises.
    shown = visible(config, 16, _KEY, samples)
    images = torch.empty(2, 3, 16, 16, device="meta")
    assert fill(images, shown, config, _NOISE, samples).shape == images.shape


@pytest.mark.gpu
@pytest.mark.parametrize("mode", _MODES)
def test_a_gpu_hides_the_same(mode):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    config, samples = MaskConfig(mode=mode), torch.arange(300)
    drawn = visible(config, 64, _KEY, samples.cuda()).cpu()
    assert torch.equal(drawn, visible(config, 64, _KEY, samples))
