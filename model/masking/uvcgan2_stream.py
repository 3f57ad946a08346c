"""Masks as the public UVCGANv2 code draws them, for comparison with it."""

import torch
from torch import Tensor

from model.config.masking import MaskConfig
from model.masking.masks import patches_per_side, to_pixels

_SKIPPED_AT_ONCE = 2**24  # numbers drawn in one go where masks are passed over; bounds memory


class StreamedMasks:
    """Bernoulli masks from one CPU generator, seeded 0, that advances from image to image.

    What an image gets depends on when it comes, and on nothing else: not on the image, the seed of
    the recipe, or the batch it comes in. Given the places of images rather than asked in turn, the
    stream is the same for any number of workers, and after a restart.

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

    def at(self, places: Tensor) -> Tensor:
        """The masks of images that come as the places say, counted from 0.

        Args:
            places: (N,) int64 on the CPU, ascending. A place before the last one asked for starts
                the stream anew, which costs all the draws up to it.

        Returns:
            (N, 1, S, S) bool on the CPU, True where visible.
        """
        if not len(places):
            return to_pixels(places.new_ones(0, self._per_side, self._per_side).bool(), self._patch)
        first, end = int(places[0]), int(places[-1]) + 1
        if first < self._next:
            self._generator.manual_seed(0)
            self._next = 0
        self._skip(first - self._next)
        shape = (end - first, self._per_side, self._per_side)
        numbers = torch.rand(shape, generator=self._generator)
        self._next = end
        return to_pixels(numbers[places - first] > self._ratio, self._patch)

    def _skip(self, images: int) -> None:
        left = images * self._per_side**2
        while left:
            numbers = min(left, _SKIPPED_AT_ONCE)
            torch.rand(numbers, generator=self._generator)
            left -= numbers
