"""Equalisation against torchvision's kernel, and Pillow's, pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional

from model.augment.equalize import equalize


@st.composite
def batches(draw: st.DrawFn) -> Tensor:
    """Images of any size, with many levels or few, spread out or in a corner of the range."""
    shape = [draw(st.integers(1, most)) for most in (5, 3, 40, 40)]
    low = draw(st.integers(0, 255))
    high = draw(st.integers(low, 255))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    return torch.randint(low, high + 1, shape, generator=generator, dtype=torch.uint8)


@settings(deadline=None, max_examples=300)
@given(batches())
def test_as_torchvision(images: Tensor) -> None:
    before = images.clone()
    assert torch.equal(equalize(images), functional.equalize(images))
    assert torch.equal(images, before)


@pytest.mark.parametrize("seed", range(20))
def test_as_pillow(seed: int) -> None:
    generator = np.random.default_rng(seed)
    bright = generator.normal(generator.uniform(0, 255), generator.uniform(1, 90), (33, 31, 3))
    pixels = bright.clip(0, 255).astype(np.uint8)
    wanted = np.asarray(ImageOps.equalize(Image.fromarray(pixels)))
    found = equalize(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    np.testing.assert_array_equal(found[0].permute(1, 2, 0), wanted)


def test_a_picture_of_one_colour_stays() -> None:
    for level in (0, 17, 255):
        flat = torch.full((2, 3, 16, 16), level, dtype=torch.uint8)
        assert torch.equal(equalize(flat), flat)
