"""Histogram equalisation of many images on a CPU: torchvision's pixels in half its time.

torchvision's kernel walks through the pixels as 64-bit indices into histograms of two dimensions.
Here every channel of every image has its own 256 of one long list of counters, which PyTorch
counts, and looks up, much faster.
"""

import torch
from torch import Tensor

_LEVELS = 256


def equalize(images: Tensor) -> Tensor:
    """Spread each channel's grey levels evenly, as `torchvision.transforms.v2.functional.equalize`.

    Args:
        images: (N, C, H, W) uint8 on the CPU.

    Returns:
        A new tensor like `images`; a channel of too few different pixels is as it was.
    """
    channels = images.flatten(0, 1).flatten(1)  # (R, P), R = N * C
    rows, pixels = channels.shape
    first = torch.arange(0, rows * _LEVELS, _LEVELS, dtype=torch.int32)[:, None]
    counters = (channels.int() + first).flatten()  # each pixel's own counter
    counts = torch.bincount(counters, minlength=rows * _LEVELS).view(rows, _LEVELS)
    table = _table(counts, pixels)
    return table.flatten().index_select(0, counters).view_as(images)


def _table(counts: Tensor, pixels: int) -> Tensor:
    """New level of each level, by Pillow's rule: (R, 256) -> (R, 256) uint8."""
    counts = counts.int()
    below = counts.cumsum(dim=1, dtype=torch.int32) - counts
    brightest = (_LEVELS - 1) - counts.ne(0).flip(1).int().argmax(dim=1, keepdim=True)
    step = (pixels - counts.gather(1, brightest)) // (_LEVELS - 1)  # (R, 1)
    levels = (below + step // 2) // step.clamp(min=1)
    levels = torch.where(step == 0, torch.arange(_LEVELS, dtype=torch.int32), levels)
    return levels.clamp_(0, _LEVELS - 1).to(torch.uint8)
