"""The division into training, dev and validation images."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.config.images import SyntheticImages, TinyImageNet
from model.data.image_set import ImageSet, split
from model.errors import InputError


def image_set(counts: list[int], names: list[str] | None = None, num_val: int = 2) -> ImageSet:
    """Classes with that many training images, and `num_val` validation images each."""
    labels = np.repeat(np.arange(len(counts)), counts)
    val = np.repeat(np.arange(len(counts)), num_val)
    is_val = np.arange(len(labels) + len(val)) >= len(labels)
    return ImageSet(
        images=np.zeros((len(is_val), 3, 1, 1), np.uint8),
        labels=np.concatenate([labels, val]),
        is_val=is_val,
        class_names=tuple(names or [f"class{label}" for label in range(len(counts))]),
        fingerprint="0" * 32,
    )


def config(train: int | None, dev: int | None, seed: int = 0) -> TinyImageNet:
    fields: dict[str, Any] = {"train_per_class": train, "dev_per_class": dev, "split_seed": seed}
    return TinyImageNet(source="tiny-imagenet", path="unused", **fields)


@given(
    counts=st.lists(st.integers(5, 12), min_size=1, max_size=4),
    train=st.none() | st.integers(1, 3),
    dev=st.none() | st.integers(0, 2),
    seed=st.integers(0, 2**31),
)
def test_splits_are_stratified_and_disjoint(
    counts: list[int], train: int | None, dev: int | None, seed: int
) -> None:
    images = image_set(counts)
    splits = split(images, config(train, dev, seed))
    drawn = np.concatenate([splits.train, splits.dev, splits.val])
    # No row is in two splits.
    assert len(set(drawn.tolist())) == len(drawn)
    # Validation is what the data set says, and nothing else.
    np.testing.assert_array_equal(splits.val, np.flatnonzero(images.is_val))
    for label, available in enumerate(counts):
        num_train = (images.labels[splits.train] == label).sum()
        num_dev = (images.labels[splits.dev] == label).sum()
        # None takes what the other leaves, and training comes first.
        assert num_train == (available - (dev or 0) if train is None else train)
        assert num_dev == (available - num_train if dev is None else dev)


@given(counts=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_the_largest_class_is_that_of_the_validation_images(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    # As many training images again, all of the last class.
    every = np.concatenate([labels, np.full(len(labels), len(counts) - 1)])
    is_val = np.arange(len(every)) < len(labels)
    pixels = np.zeros((len(every), 3, 1, 1), np.uint8)
    images = ImageSet(pixels, every, is_val, tuple(map(str, counts)), "0" * 32)
    answers = [float(np.mean(labels == label)) for label in range(len(counts))]
    # The best that one answer for all of them can be right.
    assert images.largest_class_share == pytest.approx(max(answers))


def test_rows_are_ascending_int64() -> None:
    for rows in vars(split(image_set([9, 9]), config(4, 3))).values():
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


def test_draw_depends_on_seed_and_repeats() -> None:
    images = image_set([40])
    first, again, other = (split(images, config(20, None, seed)).train for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    # Another seed draws other images.
    assert set(first) != set(other)


def test_draw_of_a_class_does_not_depend_on_the_others() -> None:
    alone = split(image_set([40], ["b"]), config(20, None)).train
    beside = split(image_set([40, 40], ["a", "b"]), config(20, None)).train
    # Class b's rows come after the 40 of class a, and are else the same.
    np.testing.assert_array_equal(beside[beside >= 40] - 40, alone)
    # Two classes do not share one draw either.
    assert set(beside[beside < 40]) != set(alone)


@pytest.mark.parametrize(("train", "dev"), [(11, 0), (8, 3), (None, 10), (11, None)])
def test_too_few_images_name_the_class(train: int | None, dev: int | None) -> None:
    with pytest.raises(InputError, match="class class1 has 10 training images"):
        split(image_set([12, 10], num_val=2), config(train, dev))


def test_synthetic_configuration_is_split_the_same_way() -> None:
    splits = split(image_set([5, 5]), SyntheticImages(train_per_class=3, dev_per_class=2))
    assert [len(rows) for rows in vars(splits).values()] == [6, 4, 4]
