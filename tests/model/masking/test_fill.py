"""What stands in hidden pixels."""

from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor

from model.config.masking import MaskConfig
from model.masking.masks import fill, mean_colour, visible
from model.rng import Key, Stream

_KEY = Key(0, Stream.MASK, 0)
_NOISE = Key(0, Stream.FILL, 0)


def _filled(how: str, colour: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Images, the masked images, and what is visible of them as (N, 3, S, S)."""
    images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    config, samples = MaskConfig(fill=how), torch.arange(6)
    shown = visible(config, 16, _KEY, samples)
    masked = fill(images, shown, config, _NOISE, samples, colour)
    shown = shown.expand_as(images)
    # Whatever hides the rest, visible pixels are copied.
    assert torch.equal(masked[shown], images[shown])
    return images, masked, shown


def test_zero_fill_is_black():
    _, masked, shown = _filled("zero")
    assert masked[~shown].unique().tolist() == [0]


def test_mean_fill_is_the_mean_of_the_visible_pixels():
    images, masked, shown = _filled("mean")
    for n, channel in np.ndindex(6, 3):
        seen = shown[n, channel]
        expected = images[n, channel][seen].mean()
        torch.testing.assert_close(masked[n, channel][~seen].unique(), expected[None])


def test_noise_fill_is_uniform_and_apart_from_the_mask():
    _, masked, shown = _filled("noise")
    hidden = masked[~shown]
    # Every pixel and channel has its own number, which spread over [0, 1).
    assert len(hidden.unique()) > 0.99 * len(hidden)
    assert float(hidden.mean()) == pytest.approx(0.5, abs=4 / sqrt(12 * len(hidden)))


def test_learned_fill_learns():
    colour = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
    _, masked, shown = _filled("learned", colour)
    masked.sum().backward()
    for channel in range(3):
        hidden = ~shown[:, channel]
        assert torch.equal(masked[:, channel][hidden].unique(), colour[channel : channel + 1])
        # Each hidden pixel passes its gradient on.
        assert colour.grad[channel] == hidden.sum()


def test_learned_fill_needs_its_colour():
    with pytest.raises(ValueError, match="needs the learned colour"):
        _filled("learned")


def test_mean_colour_of_a_wholly_hidden_image_is_black():
    hidden = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert mean_colour(torch.rand(1, 3, 4, 4), hidden).tolist() == [[[[0]], [[0]], [[0]]]]


def test_filling_keeps_type_and_memory_format():
    images = torch.rand(2, 3, 8, 8).bfloat16().contiguous(memory_format=torch.channels_last)
    for how in ("zero", "mean", "noise", "learned"):
        config = MaskConfig(fill=how)
        shown = visible(config, 8, _KEY, torch.arange(2))
        masked = fill(images, shown, config, _NOISE, torch.arange(2), torch.zeros(3))
        assert masked.dtype == torch.bfloat16
        assert masked.is_contiguous(memory_format=torch.channels_last)
