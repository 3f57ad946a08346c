import pytest
import torch
from torchvision.transforms.v2 import functional

from model.augment.sharpness import sharpen


@pytest.mark.parametrize("shape", [(64, 64), (7, 9), (3, 3), (2, 8), (1, 1)])
@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7])
def test_equals_torchvision(factor: float, shape: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (5, 3, *shape), dtype=torch.uint8)
    original = images.clone()
    # Not one pixel differs, also where an image has no inner pixel.
    assert torch.equal(sharpen(images, factor), functional.adjust_sharpness(images, factor))
    assert torch.equal(images, original)
