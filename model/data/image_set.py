"""A decoded image set and its division into training, dev and validation images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.config.images import DataConfig
from model.data.keyed_random import order
from model.errors import InputError


@dataclass(frozen=True)
class ImageSet:
    """N decoded images; the arrays are read-only."""

    images: npt.NDArray[np.uint8]
    """(N, 3, S, S), RGB, mapped from disk."""
    labels: npt.NDArray[np.int64]
    """(N,), indices into `class_names`."""
    is_val: npt.NDArray[np.bool_]
    """(N,), True for images that are never trained on."""
    class_names: tuple[str, ...]
    """In label order."""
    fingerprint: str
    """Hex digits of the images' content."""
    notes: tuple[str, ...] = ()
    """What a person should know of the pixels, a line each."""

    @property
    def largest_class_share(self) -> float:
        """Share of the validation images in their most frequent class, in (0, 1].

        The accuracy of always answering with that class, which unequal classes put above chance.
        """
        counts = np.bincount(self.labels[self.is_val])
        return float(counts.max() / counts.sum())


@dataclass(frozen=True)
class Splits:
    """Disjoint rows of `ImageSet.images`, each (n,) int64 in ascending order."""

    train: npt.NDArray[np.int64]
    dev: npt.NDArray[np.int64]
    """Held out of the training images to choose the best epoch; may be empty."""
    val: npt.NDArray[np.int64]


def split(image_set: ImageSet, config: DataConfig) -> Splits:
    """Draw the training and dev images of each class.

    The draw of a class depends on `config.split_seed`, its name and its images only: it is the
    same beside other classes or in another label order.

    Raises:
        InputError: a class has fewer images than requested.
    """
    train, dev = [], []
    for label, name in enumerate(image_set.class_names):
        rows = np.flatnonzero((image_set.labels == label) & ~image_set.is_val)
        num_train, num_dev = _counts(name, len(rows), config)
        drawn = rows[order(("split", config.split_seed, name), len(rows))]
        train.append(drawn[:num_train])
        dev.append(drawn[num_train : num_train + num_dev])
    val = np.flatnonzero(image_set.is_val)
    return Splits(*(np.sort(rows) for rows in (np.concatenate(train), np.concatenate(dev), val)))


def _counts(name: str, available: int, config: DataConfig) -> tuple[int, int]:
    """Numbers of images of a class: (to train on, to hold out)."""
    dev = config.dev_per_class
    train = config.train_per_class
    if train is None:
        train = max(1, available - (dev or 0))
    if dev is None:
        dev = max(0, available - train)
    if train + dev > available:
        raise InputError(
            f"class {name} has {available} training images, but train_per_class "
            f"{config.train_per_class or 'all'} and dev_per_class {dev} request {train + dev}"
        )
    return train, dev
