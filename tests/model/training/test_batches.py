"""Which images are served when, by whom and how much they weigh."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_trials import CPU, IMAGES, finetune, images_of, pretrain
from torch import Tensor

from model.augment.autoaugment import augment
from model.config.masking import MaskConfig
from model.config.recipe import Recipe
from model.config.training import AugmentConfig
from model.data.image_set import ImageSet, split
from model.objectives.objectives import build_objective
from model.training.batches import BatchLoader, LocalBatch

_PLAIN = AugmentConfig(policy="none")
_FLIPPED = AugmentConfig(flip=True)

_counts = st.integers(1, 40)
_batches = st.integers(1, 17)
_workers = st.integers(1, 5)


@cache
def _numbered(count: int) -> ImageSet:
    """Images whose pixels spell their number in three digits of base 256."""
    digits = np.arange(count)[:, None] // 256 ** np.arange(3) % 256
    pixels = np.broadcast_to(digits[:, :, None, None], (count, 3, 8, 8)).astype(np.uint8)
    labels = np.arange(count, dtype=np.int64) % 7
    return ImageSet(pixels, labels, np.zeros(count, dtype=np.bool_), tuple("abcdefg"), "00")


def _parts(
    count: int, batch: int, workers: int, epoch: int = 1, seed: int = 0
) -> list[list[LocalBatch]]:
    """Every worker's parts of numbered images."""
    recipe = finetune(seed=seed, batch_size=batch, augment=_PLAIN)
    loaders = [BatchLoader(_numbered(count), recipe, rank, workers, CPU) for rank in range(workers)]
    return [list(loader.training(np.arange(count), epoch)) for loader in loaders]


def _served(steps: tuple[LocalBatch, ...]) -> list[int]:
    """Images that count of one step over all workers."""
    return torch.cat([part.batch.sample_ids[: part.num_real] for part in steps]).tolist()


# --- who gets what ----------------------------------------------------------------------------


@settings(deadline=None)
@given(_counts, _batches, _workers)
def test_an_epoch_is_every_image_once(count: int, batch: int, workers: int) -> None:
    steps = list(zip(*_parts(count, batch, workers), strict=True))
    # Over all workers and steps each image counts exactly once.
    assert sorted(number for step in steps for number in _served(step)) == list(range(count))
    # Every batch is whole but the last, which holds the rest; it is never dropped.
    sizes = [len(_served(step)) for step in steps]
    assert sizes == [batch] * (count // batch) + [count % batch] * (count % batch > 0)
    # A worker without an image of its own still has one to take part with.
    assert all(len(part.batch.images) == max(1, part.num_real) for step in steps for part in step)


@settings(deadline=None)
@given(_counts, _batches, _workers)
def test_workers_share_the_batches_of_one(count: int, batch: int, workers: int) -> None:
    together = zip(*_parts(count, batch, workers), strict=True)
    alone = zip(*_parts(count, batch, 1), strict=True)
    # The global batch of each step does not depend on the number of workers.
    for found, expected in zip(together, alone, strict=True):
        assert sorted(_served(found)) == sorted(_served(expected))


@settings(deadline=None)
@given(_counts, _batches, _workers)
def test_scaled_sums_average_to_the_batchs_mean(count: int, batch: int, workers: int) -> None:
    losses = torch.rand(count, dtype=torch.float64)
    for step in zip(*_parts(count, batch, workers), strict=True):
        averaged = sum(losses[s.batch.sample_ids].sum() * s.loss_scale for s in step) / workers
        # What the workers' gradients are averaged to is the mean over the global batch.
        torch.testing.assert_close(averaged, losses[_served(step)].mean())


@settings(deadline=None)
@given(_counts, _workers)
def test_held_out_images_are_shared_out_once(count: int, workers: int) -> None:
    samples = np.arange(count)
    loaders = [
        BatchLoader(_numbered(count), finetune(), rank, workers, CPU) for rank in range(workers)
    ]
    parts = [part for loader in loaders for part in loader.held_out(samples)]
    # Each is evaluated by one worker, and nothing is lent.
    assert sorted(_served(tuple(parts))) == list(range(count))
    # Nothing of training is in them.
    assert all(part.batch.epoch is None for part in parts)


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
@pytest.mark.parametrize("workers", [2, 3, 4])
def test_averaged_gradients_are_the_batchs(kind: str, workers: int) -> None:
    recipe = {"pretrain": pretrain, "finetune": finetune}[kind]()
    objective = build_objective(recipe, 2)

    def gradient(part: LocalBatch, scale: float) -> Tensor:
        objective.zero_grad()
        (objective(part.batch).loss.sum() * scale).backward()
        grads = [p.grad.flatten() for p in objective.parameters() if p.grad is not None]
        return torch.cat(grads)

    parts = [_real(recipe, rank, workers) for rank in range(workers)]
    for whole, *step in zip(_real(recipe, 0, 1), *parts, strict=True):
        expected = gradient(whole, 1 / len(whole.batch.images))
        averaged = sum(gradient(part, part.loss_scale) for part in step) / workers
        # Three images or the last one alone: uneven parts make no difference.
        torch.testing.assert_close(averaged, expected, rtol=1e-4, atol=1e-6)


def _real(recipe: Recipe, rank: int, workers: int) -> list[LocalBatch]:
    """The first epoch of the ten real images in batches of three."""
    images = images_of()
    return list(
        BatchLoader(images, recipe, rank, workers, CPU).training(split(images, IMAGES).train, 1)
    )


# --- order and pixels -------------------------------------------------------------------------


def _order(count: int, epoch: int, seed: int) -> list[int]:
    (parts,) = _parts(count, 4, 1, epoch, seed)
    return torch.cat([part.batch.sample_ids for part in parts]).tolist()


def test_order_changes_with_epoch_and_seed() -> None:
    first = _order(40, epoch=1, seed=0)
    # The same key gives the same order, another epoch or seed another.
    assert first == _order(40, epoch=1, seed=0)
    assert first != _order(40, epoch=2, seed=0)
    assert first != _order(40, epoch=1, seed=1)
    # It is shuffled.
    assert first != sorted(first)


def test_every_place_in_the_order_is_as_likely() -> None:
    places = [_order(5, epoch, seed=0).index(0) for epoch in range(500)]
    # Each of five places 100 times in 500 epochs (sd 8.9); fixed by the seed, so never flaky.
    assert np.bincount(places).tolist() == pytest.approx([100] * 5, abs=36)


@pytest.mark.parametrize("workers", [1, 2])
def test_images_and_labels_belong_to_their_samples(workers: int) -> None:
    # More images than are augmented in one go.
    for part in (part for parts in _parts(2500, 200, workers, epoch=3) for part in parts):
        samples = part.batch.sample_ids
        digits = (part.batch.images[:, :, 0, 0] * 255).round().long()  # (N, 3)
        # The number that an image spells is its sample's.
        assert torch.equal((digits * 256 ** torch.arange(3)).sum(dim=1), samples)
        assert torch.equal(part.batch.labels, samples % 7)
        # The epoch, which keys the masks, comes with them.
        assert part.batch.epoch == 3


@settings(deadline=None, max_examples=10)
@given(_workers, st.integers(1, 7), st.integers(0, 3))
def test_augmentation_is_each_images_own(workers: int, batch: int, seed: int) -> None:
    images, recipe = images_of(), finetune(seed=seed, batch_size=batch, augment=_FLIPPED)
    train = split(images, IMAGES).train
    loaders = [BatchLoader(images, recipe, rank, workers, CPU) for rank in range(workers)]
    for part in (part for loader in loaders for part in loader.training(train, 2)):
        for pixels, number in zip(part.batch.images, part.batch.sample_ids, strict=True):
            alone = torch.from_numpy(images.images[[number]])
            expected = augment(alone, _FLIPPED, seed, 2, number[None])[0]
            # Bit for bit what the image would get alone, whatever it is served with.
            assert torch.equal(pixels, expected / 255)


def test_held_out_images_are_as_they_are() -> None:
    images = images_of()
    loader = BatchLoader(images, finetune(augment=_FLIPPED), 0, 1, CPU)
    (part,) = loader.held_out(split(images, IMAGES).val)
    # In the order of the split, not augmented, on the scale from 0 to 1.
    assert torch.equal(part.batch.images, torch.from_numpy(images.images[images.is_val]) / 255)


# --- arms -------------------------------------------------------------------------------------


def _assert_same_images(ours: list[LocalBatch], theirs: list[LocalBatch]) -> None:
    for left, right in zip(ours, theirs, strict=True):
        # The same images in the same order, augmented alike, to the bit.
        assert torch.equal(left.batch.sample_ids, right.batch.sample_ids)
        assert torch.equal(left.batch.images, right.batch.images)
        assert torch.equal(left.batch.labels, right.batch.labels)


def test_arms_that_differ_in_the_mask_see_the_same_images() -> None:
    fine = pretrain(mask=MaskConfig(patch_size=2, ratio=0.2))
    coarse = pretrain(mask=MaskConfig(patch_size=8, ratio=0.6, mode="exact", fill="noise"))
    _assert_same_images(_real(fine, 0, 1), _real(coarse, 0, 1))


def test_both_stages_see_the_same_images() -> None:
    _assert_same_images(_real(pretrain(), 0, 1), _real(finetune(), 0, 1))
