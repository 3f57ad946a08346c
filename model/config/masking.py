"""What is hidden of an image, and what stands in its place."""

from typing import Annotated, Literal

from pydantic import Field

from model.config.base import Config, PositiveInt


class MaskConfig(Config):
    """Which squares of the image are hidden, and what stands in their place."""

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
    """What stands in hidden pixels: black (the paper) | the mean colour of the visible ones |
    uniform noise | one learned colour."""
