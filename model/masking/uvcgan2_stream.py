"""Masks as the public UVCGANv2 code draws them, for comparison with it."""

import torch
from torch import Tensor

from model.config.masking import MaskConfig
from model.masking.masks import patches_per_side, to_pixels

_SKIPPED_AT_ONCE = 2**24  # numbers drawn in one go where masks are skipped; bounds memory


class StreamedMasks:
    """Bernoulli masks from one CPU generator, seeded 0, that advances from image to image.

    An image's mask depends on its position alone: not on the image, the recipe's seed or the
    batch. Positions are passed in, so that masks are the same for any number of workers and after
    a restart.

    Args:
        side: side S of the square images in pixels.

    Raises:
        ValueError: the patch size does not divide the side.
    """

    def __init__(self, config: MaskConfig, side: int) -> None:
        self._patch, self._ratio = config.patch_size, config.ratio
        self._per_side = patches_per_side(config, side)
        self._generator = torch.Generator().manual_seed(0)
        self._next = 0

    def at(self, positions: Tensor) -> Tensor:
        """The masks of the images at some positions.

        Args:
            positions: (N,) int64 on the CPU, ascending, from 0. One that the stream has passed
                starts it anew, which costs all the draws up to it.

        Returns:
            (N, 1, S, S) bool on the CPU, True where visible.
        """
        if not len(positions):
            return to_pixels(
                positions.new_ones(0, self._per_side, self._per_side).bool(), self._patch
            )
        first, end = int(positions[0]), int(positions[-1]) + 1
        if first < self._next:
            self._generator.manual_seed(0)
            self._next = 0
        self._skip(first - self._next)
        shape = (end - first, self._per_side, self._per_side)
        numbers = torch.rand(shape, generator=self._generator)
        self._next = end
        return to_pixels(numbers[positions - first] > self._ratio, self._patch)

    def _skip(self, images: int) -> None:
        remaining = images * self._per_side**2
        while remaining:
            count = min(remaining, _SKIPPED_AT_ONCE)
            torch.rand(count, generator=self._generator)
            remaining -= count
