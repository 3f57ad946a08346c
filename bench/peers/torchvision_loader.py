"""The input pipelines that the project's is measured against: torchvision behind a DataLoader."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms
from torchvision.transforms import v2

from model.data.image_set import ImageSet

Sample = tuple[Tensor, int]


class Decoded(Dataset[Sample]):
    """Images that were decoded once: rows of an array, turned into PIL images for AutoAugment."""

    def __init__(self, images: ImageSet) -> None:
        # Height, width, channel: as PIL wants them.
        keep = ~images.is_val
        self._pixels = images.images[keep].transpose(0, 2, 3, 1).copy()
        self._labels = images.labels[keep]
        self._transform = v2.Compose(
            [v2.AutoAugment(), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
        )

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, row: int) -> Sample:
        return self._transform(Image.fromarray(self._pixels[row])), int(self._labels[row])


def from_files(folder: Path) -> Dataset[Sample]:
    """ImageFolder with decode + AutoAugment + ToTensor on each image, as most write it."""
    policy = transforms.Compose([transforms.AutoAugment(), transforms.ToTensor()])
    dataset: Dataset[Sample] = datasets.ImageFolder(str(folder), policy)
    return dataset


def loader(dataset: Dataset[Sample], batch: int, workers: int, pin: bool) -> DataLoader[Any]:
    """A shuffling DataLoader whose workers, one thread each, live as long as it does."""
    return DataLoader(
        dataset,
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        pin_memory=pin,
    )


def drain(batches: DataLoader[Any], device: torch.device) -> int:
    """One epoch onto the device; the images that came."""
    count = 0
    for images, labels in batches:
        images = images.to(device, non_blocking=True)
        labels.to(device, non_blocking=True)
        count += len(images)
    wait(device)
    return count


def wait(device: torch.device) -> None:
    """Until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
