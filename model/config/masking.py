"""Masks: the squares of an image that are hidden, and what they show instead."""

from typing import Annotated, Literal

from pydantic import Field

from model.config.base import Config, PositiveInt


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
