"""The embedded images: deterministic, varied, and told apart by structure, not by colour."""

import numpy as np
import numpy.typing as npt
import pytest

from model.config.images import SyntheticImages
from model.data.shapes import PATTERNS, SHAPES
from model.data.synthetic import SyntheticSource

RECORDED = [[241, 255, 176], [182, 138, 169], [71, 13, 9], [194, 154, 142]]
"""One pixel of four images."""


def draw(**fields: int) -> npt.NDArray[np.uint8]:
    return np.concatenate(list(SyntheticSource(SyntheticImages(**fields)).blocks()))


def test_shapes_and_counts() -> None:
    config = SyntheticImages(
        num_classes=3, train_per_class=70, dev_per_class=1, val_per_class=2, image_size=16
    )
    source = SyntheticSource(config)
    images = np.concatenate(list(source.blocks()))
    assert images.shape == (3 * 73, 3, 16, 16)
    assert images.dtype == np.uint8
    # Training images hold those for dev as well.
    assert np.bincount(source.labels[~source.is_val]).tolist() == [71, 71, 71]
    assert np.bincount(source.labels[source.is_val]).tolist() == [2, 2, 2]


def test_same_seed_same_images_and_other_seed_others() -> None:
    sizes = {"num_classes": 2, "train_per_class": 2, "val_per_class": 1}
    np.testing.assert_array_equal(draw(**sizes), draw(**sizes))
    assert (draw(**sizes) != draw(**sizes, image_seed=1)).mean() > 0.5


def test_images_are_the_recorded_ones() -> None:
    # A change here changes every published number: raise GENERATOR_VERSION with it.
    images = draw(num_classes=2, train_per_class=1, val_per_class=1, image_size=8)
    assert images[:, :, 3, 4].tolist() == RECORDED


def test_more_images_begin_with_the_fewer() -> None:
    few = draw(num_classes=2, train_per_class=2, val_per_class=1)
    many = draw(num_classes=3, train_per_class=5, val_per_class=1)
    # The second class begins after the first one's images.
    np.testing.assert_array_equal(many[:2], few[:2])
    np.testing.assert_array_equal(many[5:7], few[2:4])


def test_no_two_images_are_equal() -> None:
    images = draw(num_classes=4, train_per_class=20, val_per_class=20)
    # Neither within a class nor between training and validation.
    assert len({image.tobytes() for image in images}) == len(images) == 160


def test_hundred_classes_are_all_pairs() -> None:
    names = SyntheticSource(SyntheticImages(num_classes=100)).class_names
    pairs = {f"{pattern} {shape}" for pattern in PATTERNS for shape in SHAPES}
    assert set(names) == pairs
    assert len(pairs) == 100


@pytest.mark.parametrize("field", ["num_classes", "train_per_class", "val_per_class", "image_seed"])
def test_fingerprint_follows_what_changes_the_images(field: str) -> None:
    config = SyntheticImages()
    changed = config.model_copy(update={field: getattr(config, field) + 1})
    assert SyntheticSource(changed).fingerprint != SyntheticSource(config).fingerprint
    # The seed of the split changes no image.
    split = config.model_copy(update={"split_seed": 7})
    assert SyntheticSource(split).fingerprint == SyntheticSource(config).fingerprint


def nearest_mean_accuracy(features: npt.NDArray[np.float64], source: SyntheticSource) -> float:
    """Share of validation images that are nearest to their own class's mean training image."""
    train, val = features[~source.is_val], features[source.is_val]
    train_labels = source.labels[~source.is_val]
    means = np.stack([train[train_labels == label].mean(0) for label in np.unique(train_labels)])
    distances = ((val[:, None] - means[None]) ** 2).sum(-1)
    return float((distances.argmin(1) == source.labels[source.is_val]).mean())


def test_colour_alone_does_not_give_the_class() -> None:
    source = SyntheticSource(SyntheticImages(num_classes=10))
    images = np.concatenate(list(source.blocks())) / 255
    # Chance is 0.1, with a standard error of 0.027.
    assert nearest_mean_accuracy(images.mean((2, 3)), source) < 0.2
    # Structure is there, yet no template solves the task.
    assert 0.12 < nearest_mean_accuracy(images.reshape(len(images), -1), source) < 0.5


def test_neighbouring_pixels_are_alike() -> None:
    images = draw(num_classes=10, train_per_class=5, val_per_class=1).astype(float)
    step = np.abs(np.diff(images, axis=-1)).mean()
    # Hidden squares can be restored from what surrounds them: a random pair differs far more.
    apart = np.abs(images - images[..., ::-1]).mean()
    assert step < 0.5 * apart
