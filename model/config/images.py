"""Image sets: where images come from, and how they are divided."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from model.config.base import Config, PositiveInt


class _Images(Config):
    image_size: Annotated[int, Field(ge=8, le=512)] = 64
    """Side of the square image in pixels; other sizes are resized once, when decoded."""
    train_per_class: PositiveInt | None = None
    """Training images of each class, drawn with `split_seed`; None takes all but the dev images."""
    dev_per_class: Annotated[int, Field(ge=0)] | None = None
    """Images of each class held out of the rest to choose the best epoch; None takes all."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the training/dev split, apart from the trial's own seed."""
    fingerprint: str | None = None
    """Content of the chosen images (hex), filled in when they are found; part of the trial key."""


class SyntheticImages(_Images):
    """Images made by the project itself: needs no download (see `model.data.synthetic`)."""

    source: Literal["synthetic"] = "synthetic"
    image_size: Annotated[int, Field(ge=8, le=512)] = 32
    num_classes: Annotated[int, Field(ge=2, le=100)] = 20
    train_per_class: PositiveInt = 50
    dev_per_class: Annotated[int, Field(ge=0)] = 0
    val_per_class: PositiveInt = 12
    """Validation images of each class."""
    image_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the images themselves."""


class TinyImageNet(_Images):
    """Tiny ImageNet in its official layout, as a folder or a zip: wnids.txt, train/, val/."""

    source: Literal["tiny-imagenet"]
    path: Path
    """The folder or zip. Not part of the trial key: the fingerprint of its content is."""
    classes: tuple[str, ...] | None = None
    """WordNet ids to keep, in label order; None keeps all, in sorted order."""


class ImageFolder(_Images):
    """Any folder of images: `train/<class>/*` with `val/<class>/*`, or `<class>/*` alone."""

    source: Literal["folder"]
    path: Path
    """The folder. Not part of the trial key: the fingerprint of its content is."""
    classes: tuple[str, ...] | None = None
    """Sub-folders to keep, in label order; None keeps all, in sorted order."""
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of each class held out for validation where there is no `val` folder."""


DataConfig = Annotated[SyntheticImages | TinyImageNet | ImageFolder, Field(discriminator="source")]


def classes_given(data: DataConfig) -> str:
    """The classes in words, equal for equal classes, as far as settings say them."""
    if isinstance(data, SyntheticImages):
        return f"{data.num_classes} synthetic classes"
    return f"those of {data.path}" if data.classes is None else ", ".join(data.classes)
