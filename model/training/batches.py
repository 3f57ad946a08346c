"""Batches: which images a worker takes, in which order, and how much they weigh.

Order, augmentation and masks are functions of (seed, epoch, sample), so that any number of workers,
interrupted or not, sees the same global batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model.augment.autoaugment import augment
from model.augment.cache import AugmentedCache
from model.config.recipe import Recipe
from model.data.image_set import ImageSet
from model.device import copy_to_device, to_device
from model.objectives.objectives import Batch
from model.rng import Stream, uniform

# Images augmented in one go: the grouped kernels cost the same for one image as for hundreds.
_CHUNK = {"cpu": 1024, "cuda": 8192}
_HELD_OUT_BATCH = {"cpu": 128, "cuda": 2048}


SampleIds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slots:
    """Places in the order that images are served in, and the images that stand there."""

    sample_ids: Tensor
    """(n,) int64 on the CPU: indices of images in their whole set."""
    positions: Tensor
    """(n,) int64 on the CPU: see `Batch.positions`."""

    def __len__(self) -> int:
        return len(self.sample_ids)

    def __getitem__(self, rows: slice) -> "Slots":
        return Slots(self.sample_ids[rows], self.positions[rows])

    def batches(self, size: int) -> "list[Slots]":
        """Runs of `size` slots; the last one may be shorter."""
        return [self[start : start + size] for start in range(0, len(self), size)]


class LocalBatch(NamedTuple):
    """One worker's part of a global batch."""

    batch: Batch
    loss_scale: float
    """Factor on the sum of its losses whose average over workers is the global batch's mean."""
    num_real: int
    """Its images that count: all, or none. A worker that a batch smaller than the number of
    workers leaves without an image borrows one, since every worker must take part in the step."""


class _Part(NamedTuple):
    """A `LocalBatch` before its images are fetched."""

    slots: Slots
    loss_scale: float
    num_real: int


@dataclass
class BatchLoader:
    """Serves one worker's batches; the images stay uint8 until they are used."""

    images: ImageSet
    recipe: Recipe
    rank: int
    world_size: int
    device: torch.device
    augmented: AugmentedCache = field(default_factory=AugmentedCache)

    def __post_init__(self) -> None:
        on_gpu = self.device.type == "cuda"
        # A GPU holds the whole set; the CPU's workers share one memory map.
        self._resident = copy_to_device(self.images.images, self.device) if on_gpu else None
        self._labels = torch.from_numpy(np.array(self.images.labels)).to(self.device)

    @property
    def full_size(self) -> int:
        """Images of this worker's part of a batch that is not the last."""
        size = self.recipe.train.batch_size
        return len(range(self.rank, size, self.world_size))

    def training(self, sample_ids: SampleIds, epoch: int) -> Iterator[LocalBatch]:
        """This worker's part of each batch of an epoch, shuffled and augmented.

        Args:
            sample_ids: (N,) the training images.
            epoch: from 1.
        """
        slots = self._shuffled(sample_ids, epoch)
        parts = [self._part(batch) for batch in slots.batches(self.recipe.train.batch_size)]
        per_chunk = max(1, _CHUNK[self.device.type] // len(parts[0].slots))
        for start in range(0, len(parts), per_chunk):
            yield from self._augmented_batches(parts[start : start + per_chunk], epoch)

    def held_out(self, sample_ids: SampleIds) -> Iterator[LocalBatch]:
        """This worker's part of held-out images, (N,), as they are."""
        slots = Slots(torch.from_numpy(sample_ids), torch.arange(len(sample_ids)))
        own = slots[self.rank :: self.world_size]
        for part in own.batches(_HELD_OUT_BATCH[self.device.type]):
            batch = self._batch(self._pixels(part.sample_ids), part, None)
            yield LocalBatch(batch, 1.0, len(part))

    def _shuffled(self, sample_ids: SampleIds, epoch: int) -> Slots:
        ids = torch.from_numpy(sample_ids)
        order = uniform(self.recipe.seed, Stream.SHUFFLE, epoch, ids, 1)[:, 0].argsort()
        first = (epoch - 1) * len(ids)
        return Slots(ids[order], torch.arange(first, first + len(ids)))

    def _part(self, batch: Slots) -> _Part:
        own = batch[self.rank :: self.world_size]
        if len(own):
            return _Part(own, self.world_size / len(batch), len(own))
        return _Part(batch[:1], 0.0, 0)

    def _augmented_batches(self, parts: list[_Part], epoch: int) -> Iterator[LocalBatch]:
        augmented = self._augmented(torch.cat([part.slots.sample_ids for part in parts]), epoch)
        pixels = torch.split(augmented, [len(part.slots) for part in parts])
        for (slots, loss_scale, num_real), own in zip(parts, pixels, strict=True):
            yield LocalBatch(self._batch(own, slots, epoch), loss_scale, num_real)

    def _augmented(self, ids: Tensor, epoch: int) -> Tensor:
        """(n,) -> (n, 3, S, S) uint8."""
        config, seed = self.recipe.train.augment, self.recipe.seed
        if config.policy == "none":
            return augment(self._pixels(ids), config, seed, epoch, ids)
        stream = (self.images.fingerprint, self.images.images.shape, config, seed, self.device)
        part = (epoch, ids.numpy().tobytes())
        return self.augmented.get(
            stream, part, lambda: augment(self._pixels(ids), config, seed, epoch, ids)
        )

    def _pixels(self, ids: Tensor) -> Tensor:
        """(n,) -> (n, 3, S, S) uint8."""
        if self._resident is not None:
            return self._resident[to_device(ids, self.device)]
        return torch.from_numpy(self.images.images[ids.numpy()])

    def _batch(self, pixels: Tensor, slots: Slots, epoch: int | None) -> Batch:
        """Images as the objective takes them; `pixels` is (n, 3, S, S) uint8."""
        ids = to_device(slots.sample_ids, self.device)
        # Moved as bytes, a quarter of the traffic.
        images = pixels.contiguous(memory_format=torch.channels_last).float().div_(255)
        return Batch(images, self._labels[ids], ids, epoch, slots.positions)
