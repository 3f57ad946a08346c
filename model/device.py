"""Moving to a device: exact, without making the host wait or a second copy of all images."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_SLICE = 4096  # images at a time: 50 MB of 64 x 64 pixels


def use_ieee(device: torch.device) -> None:
    """Have fp32 mean IEEE's single precision in this process.

    PyTorch does so for matrix products, but lets a GPU's convolutions round to TF32, 10 bits of 23.
    """
    if device.type == "cuda":
        # Not the newer `fp32_precision`: Inductor reads this one, which raises where both are used.
        torch.backends.cudnn.allow_tf32 = False


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """To a device; from pinned memory, so that the host does not wait for a GPU."""
    # Strided memory would be put together first, in memory that is not pinned.
    tensor = tensor.contiguous().pin_memory() if device.type == "cuda" else tensor
    return tensor.to(device, non_blocking=True)


def copy_to_device(images: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """All images on a device, through a slice at a time of the host's memory.

    Args:
        images: (N, 3, S, S), as a rule a memory map that cannot be written to.
    """
    on_device = torch.empty(images.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(images), _SLICE):
        part = np.array(images[start : start + _SLICE])
        on_device[start : start + _SLICE] = torch.from_numpy(part)
    return on_device
