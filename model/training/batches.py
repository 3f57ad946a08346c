"""Batches and tallies: which images a worker takes in which order, and what it adds up.

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
from model.device import copied, to_device
from model.objectives.objectives import Batch
from model.rng import Stream, uniform

# Images augmented in one go: the grouped kernels cost the same for one image as for hundreds.
_CHUNK = {"cpu": 1024, "cuda": 8192}
_HELD_OUT_BATCH = {"cpu": 128, "cuda": 2048}


Samples = npt.NDArray[np.int64]


class LocalBatch(NamedTuple):
    """One worker's part of a global batch."""

    batch: Batch
    scale: float
    """Factor on the sum of its losses whose average over workers is the global batch's mean."""
    images: int
    """Images that count: 0 where the batch is smaller than the workers and one is lent."""


@dataclass
class BatchLoader:
    """Serves one worker's shares; the images stay uint8 until they are used."""

    images: ImageSet
    recipe: Recipe
    rank: int
    world_size: int
    device: torch.device
    augmented: AugmentedCache = field(default_factory=AugmentedCache)

    def __post_init__(self) -> None:
        on_gpu = self.device.type == "cuda"
        # A GPU holds the whole set; the CPU's workers share one memory map.
        self._resident = copied(self.images.images, self.device) if on_gpu else None
        self._labels = torch.from_numpy(np.array(self.images.labels)).to(self.device)

    @property
    def whole(self) -> int:
        """Images of this worker's share of a batch that is not the last."""
        size = self.recipe.train.batch_size
        return len(range(self.rank, size, self.world_size))

    def training(self, samples: Samples, epoch: int) -> Iterator[LocalBatch]:
        """The epoch's shares, shuffled and augmented; the last batch may be partial."""
        places = torch.arange(len(samples)) + (epoch - 1) * len(samples)
        ordered = torch.stack([self._order(samples, epoch), places], dim=1)  # (N, 2)
        batches = torch.split(ordered, self.recipe.train.batch_size)
        shares = [self._own(batch) for batch in batches]
        per_chunk = max(1, _CHUNK[self.device.type] // max(1, len(shares[0][0])))
        for start in range(0, len(shares), per_chunk):
            chunk = shares[start : start + per_chunk]
            augmented = self._augmented(torch.cat([own[:, 0] for own, _, _ in chunk]), epoch)
            images = torch.split(augmented, [len(own) for own, _, _ in chunk])
            for (own, scale, count), pixels in zip(chunk, images, strict=True):
                yield LocalBatch(self._batch(pixels, own, epoch), scale, count)

    def held_out(self, samples: Samples) -> Iterator[LocalBatch]:
        """This worker's part of held-out images, as they are."""
        ids, places = torch.from_numpy(samples), torch.arange(len(samples))
        own = torch.stack([ids, places], dim=1)[self.rank :: self.world_size]
        for part in torch.split(own, _HELD_OUT_BATCH[self.device.type]):
            yield LocalBatch(self._batch(self._pixels(part[:, 0]), part, None), 1.0, len(part))

    def _order(self, samples: Samples, epoch: int) -> Tensor:
        ids = torch.from_numpy(samples)
        return ids[uniform(self.recipe.seed, Stream.SHUFFLE, epoch, ids, 1)[:, 0].argsort()]

    def _own(self, batch: Tensor) -> tuple[Tensor, float, int]:
        own = batch[self.rank :: self.world_size]
        if len(own):
            return own, self.world_size / len(batch), len(own)
        return batch[:1], 0.0, 0  # every worker must take part in the step; this one adds nothing

    def _augmented(self, ids: Tensor, epoch: int) -> Tensor:
        config, seed = self.recipe.train.augment, self.recipe.seed
        if config.policy == "none":
            return augment(self._pixels(ids), config, seed, epoch, ids)
        stream = (self.images.fingerprint, self.images.images.shape, config, seed, self.device)
        part = (epoch, ids.numpy().tobytes())
        return self.augmented.get(
            stream, part, lambda: augment(self._pixels(ids), config, seed, epoch, ids)
        )

    def _pixels(self, ids: Tensor) -> Tensor:
        if self._resident is not None:
            return self._resident[to_device(ids, self.device)]
        return torch.from_numpy(self.images.images[ids.numpy()])

    def _batch(self, pixels: Tensor, own: Tensor, epoch: int | None) -> Batch:
        """Images and (N, 2) int64: which they are, and when each comes."""
        ids, places = own.unbind(1)
        ids = to_device(ids, self.device)
        # Moved as bytes, a quarter of the traffic.
        images = pixels.contiguous(memory_format=torch.channels_last).float().div_(255)
        return Batch(images, self._labels[ids], ids, epoch, places)
