"""Restorations of hidden pixels without learning: what a trained network must beat."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from model.config.recipe import RestoreRecipe
from model.data.image_set import ImageSet, split
from model.masking.masks import mean_colour, visible
from model.masking.uvcgan2_stream import StreamedMasks
from model.rng import Stream, held_out

Region = Literal["all", "masked"]

_CHUNK = 500  # images at a time; bounds memory, changes no number
_REACH = 6  # standard deviations; farther, weights are subnormal, which slows down a CPU


@dataclass(frozen=True)
class NaiveFills:
    """Restorations without learning, beside a trial."""

    losses: dict[str, float]
    """See `fill_losses`; over the region that the trial's loss is over."""
    hidden_share: float
    """Share of pixels that the masks hide, in [0, 1]."""


def fill_losses_of_recipe(recipe: RestoreRecipe, image_set: ImageSet) -> NaiveFills:
    """The fills of a trial's own validation images under its own validation masks."""
    rows = split(image_set, recipe.data).val
    mask, side = recipe.train.mask, recipe.data.image_size
    if mask.mode == "uvcgan2":
        seen = StreamedMasks(mask, side).at(torch.arange(len(rows)))
    else:
        key = held_out(recipe.seed, Stream.VALIDATION_MASK)
        seen = visible(mask, side, key, torch.from_numpy(rows))
    images = torch.from_numpy(image_set.images[rows])
    losses = fill_losses(images, seen, mask.patch_size, recipe.train.loss_region)
    return NaiveFills(losses, 1 - seen.double().mean().item())


def fill_losses(
    images: Tensor, visible: Tensor, patch_size: int, region: Region = "all"
) -> dict[str, float]:
    """Mean absolute errors of three restorations without learning, visible pixels copied.

    Args:
        images: (N, 3, S, S) uint8.
        visible: (N, 1, S, S) bool, on the same device.
        patch_size: side of a hidden square in pixels; sets the width of the Gaussian.
        region: `all`, the mean over N * 3 * S * S values as in table 1 of Terentiev & Ivanenko
            (2024), or `masked`, over the values of all hidden pixels.

    Returns:
        Errors on the [0, 1] scale: "zero" (hidden pixels black), "mean" (mean colour of the
        image's visible pixels) and "gaussian" (see `inpaint`).

    Raises:
        ValueError: no images, or no hidden pixel where the mean is over those.
    """
    if not len(images):
        raise ValueError("naive fills of no images")
    values = images.numel() if region == "all" else int((~visible).sum()) * images.shape[1]
    if not values:
        raise ValueError("naive fills of no hidden pixel")
    total = dict.fromkeys(("zero", "mean", "gaussian"), 0.0)
    pairs = zip(torch.split(images, _CHUNK), torch.split(visible, _CHUNK), strict=True)
    for part, seen in pairs:
        scaled = part.float() / 255
        fillers = {
            "zero": torch.zeros_like(scaled),
            "mean": mean_colour(scaled, seen).expand_as(scaled),
            "gaussian": inpaint(scaled, seen, patch_size),
        }
        for name, filler in fillers.items():
            total[name] += ((filler - scaled).abs() * ~seen).sum(dtype=torch.float64).item()
    return {name: value / values for name, value in total.items()}


def inpaint(images: Tensor, visible: Tensor, patch_size: int) -> Tensor:
    """Restore by normalised convolution (Knutsson & Westin 1993) with a Gaussian.

    Hidden pixels become blur(image * visible) / blur(visible), or the mean colour of the image's
    visible pixels where those are all more than six standard deviations away.

    Args:
        images: (N, C, S, S) float.
        visible: (N, 1, S, S) bool.
        patch_size: side of a hidden square in pixels; see `sigma`.

    Returns:
        (N, C, S, S), visible pixels unchanged.
    """
    least = torch.finfo(images.dtype).tiny
    weight = _blur(visible.to(images.dtype), patch_size)  # (N, 1, S, S)
    colour = _blur(images * visible, patch_size) / weight.clamp(min=least)
    colour = torch.where(weight >= least, colour, mean_colour(images, visible))
    return torch.where(visible, images, colour)


def sigma(patch_size: int) -> float:
    """Standard deviation in pixels: half a hidden square, from its middle to its edge."""
    return patch_size / 2


def _blur(images: Tensor, patch_size: int) -> Tensor:
    """Gaussian blur with zeros outside the image: (N, C, S, S) -> same."""
    steps = torch.arange(images.shape[-1], dtype=images.dtype, device=images.device)
    far = (steps[:, None] - steps[None, :]).abs() / sigma(patch_size)  # (S, S)
    kernel = torch.exp(-0.5 * far**2).masked_fill(far > _REACH, 0)
    # Two small matrix products take a fraction of the time of a convolution of single planes.
    return kernel @ images @ kernel
