"""Moved images are torchvision's, to the bit, and the lookups behind them are few."""

import pytest
import torch
from torchvision.transforms import v2

from model.augment import geometric as module
from model.augment.geometric import GEOMETRIC_OPS, apply_geometric


@pytest.mark.parametrize("fill", [None, 128])
@pytest.mark.parametrize("shape", [(64, 64), (16, 16), (7, 7), (1, 1), (8, 12)])
@pytest.mark.parametrize("name", sorted(GEOMETRIC_OPS))
def test_equals_torchvision(name: str, shape: tuple[int, int], fill: int | None) -> None:
    transform = v2.AutoAugment(fill=fill)
    images = torch.randint(0, 256, (5, 3, *shape), dtype=torch.uint8)
    original = images.clone()
    magnitudes, signed = transform._AUGMENTATION_SPACE[name]
    assert signed
    for size in magnitudes(10, *shape).tolist():
        for magnitude in (size, -size):
            expected = transform._apply_image_or_video_transform(
                images, name, magnitude, transform.interpolation, transform._fill
            )
            # Not one pixel differs, at any magnitude, black or grey.
            assert torch.equal(apply_geometric(images, transform, name, magnitude), expected)
    assert torch.equal(images, original)


def test_a_lookup_is_made_once() -> None:
    transform, images = v2.AutoAugment(), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    apply_geometric(images, transform, "Rotate", 30.0)
    before = module._table.cache_info()
    apply_geometric(images[:1], transform, "Rotate", 30.0)
    after = module._table.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)
    # What is kept is bounded.
    assert after.maxsize == module._TABLES
