"""Input: images a second, decoded, augmented and in batches, against torchvision's DataLoader."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.harness.part import Options, alternate, cores, main
from bench.harness.result import Result, at_least, result
from bench.inputs import images as embedded
from bench.inputs.recipes import PAPER, SIDES
from bench.peers.torchvision_loader import Decoded, drain, from_files, loader, wait
from model.config.recipe import ClassifyRecipe
from model.config.training import ClassifyConfig
from model.data.image_set import ImageSet
from model.training.batches import BatchLoader

_BATCH = 128
_FILES = "JPEG files: decode + AutoAugment + ToTensor"
_DECODED = "decoded images: v2 AutoAugment on PIL + ToDtype"
_NOTE = "both shuffle, augment each image by its own draw and yield float batches of 128"


def measure(options: Options) -> Iterator[Result]:
    """On one core of the CPU, then with all of them or on the GPU."""
    num_images = options.pick({"cpu": 4096, "cuda": 16384}[options.device], 256)
    images = embedded.image_set(SIDES["paper"], num_images)
    device = torch.device(options.device)
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        embedded.write_jpegs(images, Path(folder))
        if device.type == "cpu":
            yield from _on_one_core(images, Path(folder), options)
        yield from _with_all_cores(images, Path(folder), device, options)


def _on_one_core(images: ImageSet, folder: Path, options: Options) -> Iterator[Result]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    ours = _ours(images, cpu)
    for name, what, dataset, goal in (
        ("input.one_core", _FILES, from_files(folder), at_least(6, 10)),
        ("input.one_core.decoded", _DECODED, Decoded(images), at_least(2.5)),
    ):
        batches = loader(dataset, _BATCH, 0, False)
        rates = alternate(options.rounds, ours, partial(_rate, partial(drain, batches, cpu)))
        against = f"torchvision, {what}, one core"
        yield result(name, "images/s", *rates, against=against, goal=goal, note=_NOTE)
    os.sched_setaffinity(0, allowed)


def _with_all_cores(
    images: ImageSet, folder: Path, device: torch.device, options: Options
) -> Iterator[Result]:
    torch.set_num_threads(cores())
    ours = _ours(images, device)
    for name, what, dataset in (
        ("input.all_cores", _FILES, from_files(folder)),
        ("input.all_cores.decoded", _DECODED, Decoded(images)),
    ):
        batches = loader(dataset, _BATCH, cores(), device.type == "cuda")
        rates = alternate(options.rounds, ours, partial(_rate, partial(drain, batches, device)))
        against = f"torchvision DataLoader, {what}, {cores()} persistent workers"
        goal = at_least(20) if device.type == "cuda" and what == _FILES else None
        yield result(name, "images/s", *rates, against=against, goal=goal, note=_NOTE)


def _ours(images: ImageSet, device: torch.device) -> Callable[[], float]:
    """The project's loader over all training images, a fresh epoch of draws at every call."""
    data = embedded.config(images.images.shape[-1], len(images.images))
    train = ClassifyConfig(batch_size=_BATCH)
    recipe = ClassifyRecipe(data=data, model=PAPER, train=train)
    batches = BatchLoader(images, recipe, 0, 1, device)
    rows, epochs = np.flatnonzero(~images.is_val), count(1)

    def epoch() -> int:
        seen = sum(part.num_real for part in batches.training(rows, next(epochs)))
        wait(device)
        return seen

    return partial(_rate, epoch)


def _rate(epoch: Callable[[], int], least_seconds: float = 1.0) -> float:
    """Images a second over as many whole epochs as fill the time, after one that warms up."""
    epoch()
    began, seen = time.perf_counter(), 0
    while (seconds := time.perf_counter() - began) < least_seconds or not seen:
        seen += epoch()
    return seen / seconds


if __name__ == "__main__":
    main(measure)
