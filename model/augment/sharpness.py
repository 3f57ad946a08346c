"""Sharpness: torchvision's pixels without the copy to the device that its kernel starts with."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

_EDGE, _MIDDLE = 1 / 13, 5 / 13  # Pillow's ImageFilter.SMOOTH
_SMALLEST = 3  # pixels a side: below, no pixel has all of its neighbours


def sharpen(images: Tensor, factor: float) -> Tensor:
    """Sharpen or blur all but the rim, as `torchvision.transforms.v2.functional.adjust_sharpness`.

    Args:
        images: (N, C, H, W) uint8; left unchanged.
        factor: 0 is blurred, 1 as it was, 2 sharpened.

    Returns:
        (N, C, H, W) uint8.
    """
    if min(images.shape[-2:]) < _SMALLEST:
        return images
    channels, result = images.shape[1], images.float()
    # Filled on the device: a host that copies nine numbers to a GPU waits for it.
    kernel = result.new_full((channels, 1, 3, 3), _EDGE)
    kernel[:, :, 1, 1].fill_(_MIDDLE)
    blurred = conv2d(result, kernel, groups=channels).round_()
    inner = result[..., 1:-1, 1:-1]
    inner.add_(blurred.sub_(inner), alpha=1 - factor)
    return result.clamp_(0, 255).to(torch.uint8)
