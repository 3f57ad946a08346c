"""The training loop that most would write: the peer of `model.training.fit.fit`.

It has the same network class, batch, precision and images. It differs in what a plain script does:
Adam as PyTorch sets it up by default, no channels_last, a boolean mask drawn for each batch on the
CPU and moved to the device, the mean loss read with `.item()` at every step.
"""

import time

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config.masking import MaskConfig
from model.config.recipe import Recipe, RestoreRecipe
from model.data.image_set import ImageSet
from model.networks.uvcgan2 import build_classifier, build_generator


def epoch_seconds(recipe: Recipe, images: ImageSet, device: torch.device) -> float:
    """Seconds of the last epoch; those before it warm up."""
    network = build(recipe, images).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.99))
    seconds = 0.0
    for _ in range(recipe.train.epochs):
        began = time.perf_counter()
        _epoch(recipe, images, network, optimizer)
        seconds = time.perf_counter() - began
    return seconds


def build(recipe: Recipe, images: ImageSet) -> nn.Module:
    """The recipe's network with weights drawn from its seed."""
    size = recipe.data.image_size
    if isinstance(recipe, RestoreRecipe):
        return build_generator(recipe.model, size, recipe.seed)
    return build_classifier(recipe.model, size, len(images.class_names), recipe.seed)


def _epoch(
    recipe: Recipe, images: ImageSet, network: nn.Module, optimizer: torch.optim.Optimizer
) -> float:
    """Mean loss of one pass over the training images."""
    device = next(network.parameters()).device
    rows = torch.from_numpy((~images.is_val).nonzero()[0])
    total = 0.0
    network.train()
    for own in torch.split(rows[torch.randperm(len(rows))], recipe.train.batch_size):
        pixels = torch.from_numpy(images.images[own.numpy()]).to(device).float() / 255
        labels = torch.from_numpy(images.labels[own.numpy()]).to(device)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, recipe.train.precision == "bf16"):
            loss = _loss(recipe, network, pixels, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item() * len(own)
    return total / len(rows)


def _loss(recipe: Recipe, network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    if isinstance(recipe, RestoreRecipe):
        shown = _mask(recipe.train.mask, pixels)
        return functional.l1_loss(network(pixels * shown), pixels)
    return functional.cross_entropy(network(pixels), labels)


def _mask(config: MaskConfig, pixels: Tensor) -> Tensor:
    """(N, 1, S, S) bool, True where the image is shown."""
    grid = pixels.shape[-1] // config.patch_size
    shown = torch.rand(len(pixels), 1, grid, grid) > config.ratio
    for dim in (2, 3):
        shown = shown.repeat_interleave(config.patch_size, dim)
    return shown.to(pixels.device)
