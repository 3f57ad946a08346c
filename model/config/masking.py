"""Masks: the squares of an image that are hidden, and what they show instead."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from model.config.base import Config, PositiveInt

_POINT = 0.01  # one percentage point
_MOST_LISTED = 16


class MaskConfig(Config):
    """Squares of the image to hide, and what they show instead."""

    patch_size: PositiveInt = 4
    """Side of one hidden square in pixels; must divide the image's side."""
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Share of patches that are hidden: the expected share for `bernoulli` and `uvcgan2`, exact
    for the others."""
    mode: Literal["bernoulli", "exact", "block", "none", "uvcgan2"] = "bernoulli"
    """Each patch on its own (the paper) | exactly round(ratio * patches) at random | the same
    number in rectangular blocks (BEiT) | nothing hidden (plain autoencoding) | as bernoulli, from
    one generator seeded 0 that advances from image to image (the public UVCGANv2 code)."""
    fill: Literal["zero", "mean", "noise", "learned"] = "zero"
    """Content of hidden pixels: black (the paper) | the mean colour of the visible ones |
    uniform noise | one learned colour."""

    @property
    def is_exact(self) -> bool:
        """Whether as many patches are hidden of every image, rather than as chance decides."""
        return self.mode in ("exact", "block")

    def hidden_patches(self, per_side: int) -> int:
        """Patches that an exact mode hides of every image.

        Args:
            per_side: patches along one side of an image.
        """
        return round(self.ratio * per_side**2)

    def check_share(self, side: int) -> None:
        """Refuse a number of hidden patches that rounds to none or to all.

        Args:
            side: side of the square images in pixels; a multiple of `patch_size`.

        Raises:
            ValueError: it does; names the ratios to choose from.
        """
        per_side = side // self.patch_size
        hidden, patches = self.hidden_patches(per_side), per_side**2
        if self.is_exact and not 0 < hidden < patches:
            raise ValueError(
                f"mode {self.mode} with ratio {self.ratio:g} hides {hidden} of the {patches} "
                f"patches of {self.patch_size}x{self.patch_size} pixels; {_choices(patches)}"
            )

    def remarks(self, side: int) -> Iterator[str]:
        """A sentence where rounding to whole patches moves the share by more than a point."""
        per_side = side // self.patch_size
        hidden, patches = self.hidden_patches(per_side), per_side**2
        if self.is_exact and abs(hidden / patches - self.ratio) > _POINT:
            yield (
                f"mask mode {self.mode} with ratio {self.ratio:g} hides {hidden} of {patches} "
                f"patches, {hidden / patches:.1%} of an image"
            )


def _choices(patches: int) -> str:
    if patches == 1:
        return "choose a smaller patch_size"
    if patches > _MOST_LISTED:
        return f"choices: ratios from {1 / patches:.2g} to {1 - 1 / patches:.2g}"
    return f"choices: {', '.join(f'{number / patches:.3g}' for number in range(1, patches))}"
