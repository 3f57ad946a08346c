"""The arithmetic of a training step, and the machine's speed at multiplying matrices."""

import time
from functools import cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.peers.plain_loop import build
from bench.peers.torchvision_loader import wait
from model.config.recipe import Recipe, RestoreRecipe
from model.data.image_set import ImageSet
from model.device import use_ieee


def flops(recipe: Recipe, images: ImageSet) -> float:
    """Operations of one image, forward and backward, a multiply-add counted as two."""
    network = build(recipe, images)
    side, wanted = recipe.data.image_size, (2, 3, recipe.data.image_size, recipe.data.image_size)
    out = wanted if isinstance(recipe, RestoreRecipe) else (2, len(images.class_names))
    return count(network, torch.rand(2, 3, side, side), torch.rand(out)) / 2


def count(network: nn.Module, given: torch.Tensor, wanted: torch.Tensor) -> float:
    """Operations of one forward and backward pass."""
    counter = FlopCounterMode(display=False)
    with counter:
        (network(given) - wanted).square().mean().backward()
    return float(counter.get_total_flops())


@cache
def matrix_rate(device: torch.device, kind: torch.dtype, tiny: bool) -> tuple[float, ...]:
    """TFLOP/s of square matrix products, five times."""
    gpu = device.type == "cuda"
    use_ieee(device)  # as trials train: the ceiling of fp32 is not TF32's
    side = 256 if tiny else 8192 if gpu else 2048
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    return tuple(_rate(a, b, 20 if gpu else 5) for _ in range(6))[1:]


def _rate(a: torch.Tensor, b: torch.Tensor, times: int) -> float:
    wait(a.device)
    began = time.perf_counter()
    for _ in range(times):
        a @ b
    wait(a.device)
    return 2 * len(a) ** 3 * times / (time.perf_counter() - began) / 1e12
