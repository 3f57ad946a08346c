"""timm's vision transformer as a peer; timm is optional (`pip install maskgrid[bench]`)."""

import importlib.metadata
import importlib.util
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from bench.harness import flops
from bench.inputs.recipes import PAPER
from bench.peers.torchvision_loader import wait
from model.config.recipe import Recipe
from model.data.image_set import ImageSet


def timm_version() -> str | None:
    """The installed version, or None."""
    installed = importlib.util.find_spec("timm")
    return importlib.metadata.version("timm") if installed else None


def timm_rates(
    recipe: Recipe, images: ImageSet, device: torch.device
) -> tuple[Callable[[], float], float]:
    """A function that measures GFLOP/s of finetuning timm's ViT, and its GFLOP an image."""
    side, classes = recipe.data.image_size, len(images.class_names)
    given = torch.rand(2, 3, side, side)
    each = flops.count(_vit(side, classes), given, torch.rand(2, classes)) / 2e9
    network = _vit(side, classes).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.99), fused=True)
    return lambda: _rate(recipe, images, network, optimizer) * each, each


def _vit(side: int, classes: int) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    network: nn.Module = VisionTransformer(
        img_size=side,
        patch_size=2 ** len(PAPER.channels),
        embed_dim=PAPER.features,
        depth=PAPER.blocks,
        num_heads=PAPER.heads,
        mlp_ratio=PAPER.ffn / PAPER.features,
        num_classes=classes,
    )
    return network


def _rate(
    recipe: Recipe, images: ImageSet, network: nn.Module, optimizer: torch.optim.Optimizer
) -> float:
    """Images a second of one epoch; the host waits once, at its end."""
    device, batch = next(network.parameters()).device, recipe.train.batch_size
    pixels = torch.from_numpy(images.images[~images.is_val]).to(device)
    labels = torch.from_numpy(images.labels[~images.is_val]).to(device)
    wait(device)
    began = time.perf_counter()
    for own in torch.split(torch.randperm(len(pixels), device=device), batch):
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, recipe.train.precision == "bf16"):
            logits = network(pixels[own].float() / 255)
        functional.cross_entropy(logits.float(), labels[own]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    wait(device)
    return len(pixels) / (time.perf_counter() - began)
