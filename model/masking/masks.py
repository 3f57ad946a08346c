"""Masks: the hidden squares of an image, and what they show instead.

Masks are keyed by (seed, stream, epoch, sample): an image's mask is the same whatever batch,
worker or device it is in. True means visible everywhere.
"""

from typing import assert_never

import torch
from torch import Tensor

from model.config.masking import MaskConfig
from model.rng import Key, uniform

_ROUNDS = 64  # rectangles offered to each image before single patches fill what is missing
_LEAST_SHARE = 16 / 196  # smallest rectangle as a share of the grid: BEiT's 16 of 14x14 patches
_LEAST_ASPECT = 0.3  # height over width is log-uniform between this and its inverse


def visible(config: MaskConfig, side: int, key: Key, sample_ids: Tensor) -> Tensor:
    """Draw the visible pixels of each sample.

    The grid starts at pixel (0, 0). `bernoulli` hides each patch on its own with chance `ratio`
    (Terentiev & Ivanenko 2024, after UVCGANv2). The others hide round(ratio * patches) patches of
    every image: `exact` any of them (SimMIM, arXiv 2111.09886, section 3.2), `block` rectangles
    (BEiT, arXiv 2106.08254, algorithm 1). `none` hides nothing.

    Args:
        side: side S of the square images in pixels.
        sample_ids: (N,) int64, indices of images in their whole set.

    Returns:
        (N, 1, S, S) bool on the device of `sample_ids`; only `block` makes the host wait for it.

    Raises:
        ValueError: the patch size does not divide the side, or the mode is `uvcgan2`.
    """
    per_side = patches_per_side(config, side)
    return to_pixels(_visible_patches(config, per_side, key, sample_ids), config.patch_size)


def fill(
    images: Tensor,
    visible: Tensor,
    config: MaskConfig,
    key: Key,
    sample_ids: Tensor,
    colour: Tensor | None = None,
) -> Tensor:
    """Replace the hidden pixels.

    Args:
        images: (N, C, S, S) float in [0, 1].
        visible: (N, 1, S, S) bool.
        key: names the noise of `fill="noise"`; give it another stream than the mask's.
        sample_ids: (N,) int64, indices of images in their whole set.
        colour: (C,) learned colour, used by `fill="learned"` only; gradients reach it.

    Returns:
        (N, C, S, S), visible pixels unchanged. `mean` is the mean colour of the image's visible
        pixels, since that of the whole image would give away what is hidden.

    Raises:
        ValueError: `fill="learned"` without a colour.
    """
    return torch.where(visible, images, _filler(images, visible, config, key, sample_ids, colour))


def mean_colour(images: Tensor, visible: Tensor) -> Tensor:
    """Mean over each image's visible pixels: (N, C, S, S), (N, 1, S, S) bool -> (N, C, 1, 1).

    Black where an image has no visible pixel.
    """
    count = visible.sum(dim=(2, 3), keepdim=True).clamp(min=1)  # (N, 1, 1, 1)
    return (images * visible).sum(dim=(2, 3), keepdim=True) / count


def patches_per_side(config: MaskConfig, side: int) -> int:
    """Patches along one side of an image.

    Raises:
        ValueError: the patch size does not divide the side.
    """
    if side % config.patch_size:
        raise ValueError(f"patch_size {config.patch_size} does not divide the {side}-pixel image")
    return side // config.patch_size


def to_pixels(grid: Tensor, patch: int) -> Tensor:
    """One value a patch for each of its pixels: (N, G, G) -> (N, 1, G * patch, G * patch)."""
    num, side = len(grid), grid.shape[-1]
    squares = grid[:, :, None, :, None].expand(num, side, patch, side, patch)
    return squares.reshape(num, 1, side * patch, side * patch)


def _visible_patches(config: MaskConfig, per_side: int, key: Key, sample_ids: Tensor) -> Tensor:
    """(N, G, G) bool."""
    shape = (len(sample_ids), per_side, per_side)
    match config.mode:
        case "none":
            return torch.ones(shape, dtype=torch.bool, device=sample_ids.device)
        case "bernoulli":
            return uniform(*key, sample_ids, per_side**2).view(shape) > config.ratio
        case "exact":
            numbers = uniform(*key, sample_ids, per_side**2)
            return ~_lowest(numbers, config.hidden_patches(per_side)).view(shape)
        case "block":
            count = config.hidden_patches(per_side)
            return ~_blocks(per_side, count, key, sample_ids).view(shape)
        case "uvcgan2":
            raise ValueError(
                "masks of mode 'uvcgan2' depend on positions: see masking.uvcgan2_stream"
            )
        case mode:
            assert_never(mode)


def _lowest(numbers: Tensor, count: int) -> Tensor:
    """True at the `count` lowest numbers of each row; equal numbers in order of position."""
    chosen = numbers.argsort(dim=1, stable=True)[:, :count]
    return torch.zeros_like(numbers, dtype=torch.bool).scatter_(1, chosen, True)


def _blocks(per_side: int, count: int, key: Key, sample_ids: Tensor) -> Tensor:
    """Exactly `count` patches of each row, in rectangles: (N, P) bool, True = hidden."""
    patches = per_side**2
    numbers = uniform(*key, sample_ids, 4 * _ROUNDS + patches)
    hidden = torch.zeros(len(sample_ids), patches, dtype=torch.bool, device=sample_ids.device)
    for shape in torch.split(numbers[:, : 4 * _ROUNDS], 4, dim=1):
        missing = count - hidden.sum(dim=1)  # (N,)
        if not missing.any():
            break
        fresh = _rectangles(per_side, missing, shape) & ~hidden
        # Cutting the last rectangle row by row makes the count exact without another draw.
        hidden |= fresh & (fresh.cumsum(dim=1) <= missing[:, None])
    # Hidden patches sort first, so that what is missing comes out of the others.
    return _lowest(numbers[:, 4 * _ROUNDS :].masked_fill(hidden, -1.0), count)


def _rectangles(per_side: int, missing: Tensor, numbers: Tensor) -> Tensor:
    """One rectangle a row, of at most about `missing` patches: (N,), (N, 4) -> (N, P) bool."""
    area, aspect, top, left = numbers.unbind(dim=1)
    least = missing.double().clamp(max=_LEAST_SHARE * per_side**2)
    area = least + area * (missing - least)
    aspect = _LEAST_ASPECT ** (1.0 - 2.0 * aspect)
    height = (area * aspect).sqrt().round().clamp(1, per_side)
    width = (area / aspect).sqrt().round().clamp(1, per_side)
    rows = _span(top, height, per_side)
    columns = _span(left, width, per_side)
    return (rows[:, :, None] & columns[:, None, :]).flatten(1)


def _span(offset: Tensor, length: Tensor, per_side: int) -> Tensor:
    """A run of `length` cells; `offset` in [0, 1) picks its start: (N,), (N,) -> (N, G) bool."""
    start = (offset * (per_side - length + 1)).floor()[:, None]
    cells = torch.arange(per_side, device=offset.device)
    return (cells >= start) & (cells < start + length[:, None])


def _filler(
    images: Tensor,
    visible: Tensor,
    config: MaskConfig,
    key: Key,
    sample_ids: Tensor,
    colour: Tensor | None,
) -> Tensor:
    """Content of hidden pixels, in a shape that broadcasts to (N, C, S, S)."""
    match config.fill:
        case "zero":
            return images.new_zeros(())
        case "mean":
            return mean_colour(images, visible)
        case "noise":
            numbers = uniform(*key, sample_ids, images.shape[1:].numel())
            return numbers.view(images.shape).to(images.dtype)
        case "learned":
            if colour is None:
                raise ValueError("fill 'learned' needs the learned colour")
            return colour.to(images.dtype)[:, None, None]
        case how:
            assert_never(how)
