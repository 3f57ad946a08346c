"""Images for the benchmarks: the embedded set, in memory or as JPEG files."""

from pathlib import Path

import numpy as np
from PIL import Image

from model.config.images import SyntheticImages
from model.data.image_set import ImageSet
from model.data.synthetic import SyntheticSource

CLASSES = 4


_DRAWN = 1024


def image_set(side: int, count: int) -> ImageSet:
    """`count` training images of `side` pixels, and one of each class for validation.

    At most 1,024 are drawn, which takes a second; more are these again.

    Args:
        count: a multiple of the classes, and of 1,024 if above it.
    """
    source = SyntheticSource(config(side, min(count, _DRAWN)))
    pixels = np.concatenate(list(source.blocks()))
    train, val = np.flatnonzero(~source.is_val), np.flatnonzero(source.is_val)
    rows = np.concatenate([np.resize(train, count), val])
    return ImageSet(
        pixels[rows],
        source.labels[rows],
        source.is_val[rows],
        source.class_names,
        source.fingerprint,
    )


def config(side: int, count: int) -> SyntheticImages:
    """The configuration of `image_set`."""
    return SyntheticImages(
        image_size=side, num_classes=CLASSES, train_per_class=count // CLASSES, val_per_class=1
    )


def write_jpegs(images: ImageSet, folder: Path, prefix: str = "") -> None:
    """The training images as torchvision's ImageFolder wants them: one folder a class.

    At quality 90 they have two kilobytes each, like those of Tiny ImageNet.
    """
    for row in np.flatnonzero(~images.is_val):
        class_folder = folder / f"{images.labels[row]:03d}"
        class_folder.mkdir(parents=True, exist_ok=True)
        pixels = images.images[row].transpose(1, 2, 0)
        Image.fromarray(pixels).save(class_folder / f"{prefix}{row:06d}.jpeg", quality=90)
