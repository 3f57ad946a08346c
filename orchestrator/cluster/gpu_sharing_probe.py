"""A measurement: with how many trials on it a GPU trains the most images a second.

A network this small leaves much of a large GPU idle. Trials that share one are processes of their
own; with NVIDIA's MPS they run at the same time, without it in turns.

Imports Ray: only processes that really share a device show what sharing costs.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
import torch
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from model.config.recipe import Recipe
from model.epoch_row import EpochRow
from model.training.context import Checkpoint, LocalContext
from model.training.dry_run import dry_run_recipe, random_images
from model.training.fit import fit
from orchestrator.study.graph import TrialSpec

_COUNTS = (1, 2, 4, 8)
_GAIN = 1.05  # less is noise, and more trials at once are more to lose
_STEPS = 32  # of an epoch: what an epoch's end costs must not count
_PATIENCE = 180.0  # processes start, and networks may be compiled
_ENDLESS = 10**6


def rates_until_no_gain(rate: Callable[[int], float], most: int) -> dict[int, float]:
    """Images a second by trials at once, until more no longer gain; the last that gained is best.

    Args:
        rate: measures a count; 0 where so many do not fit.
        most: trials that there are CPUs for.
    """
    rates: dict[int, float] = {}
    for count in [count for count in _COUNTS if count <= max(1, most)]:
        measured = rate(count)
        if rates and measured <= _GAIN * max(rates.values()):
            break
        rates[count] = measured
        if not measured:  # there is nothing to compare more of them with
            break
    return rates


@dataclass(frozen=True)
class ProbeSettings:
    """Settings that a dry run has in common with its trial."""

    cpus: int
    """CPUs of a worker."""
    compiled: bool
    gpu: bool
    """False trains on CPUs, whatever share of a GPU was reserved."""
    resident: int = 0
    """Bytes of images that each process holds on the device."""


def probe(trial: TrialSpec, most: int, settings: ProbeSettings) -> dict[int, float]:
    """See `rates_until_no_gain` and `images_per_second`."""

    def rate(count: int) -> float:
        try:
            return images_per_second(trial.recipe, count, settings)
        except Exception:  # too little memory shows in many ways
            return 0.0

    return rates_until_no_gain(rate, most)


def images_per_second(
    recipe: Recipe, count: int, settings: ProbeSettings, seconds: float = 5.0
) -> float:
    """Images a second of so many processes on one GPU of the connected cluster, on noise.

    Args:
        seconds: how long, once all are warm.
    """
    group = placement_group([{"GPU": 1, "CPU": settings.cpus * count}])
    place = PlacementGroupSchedulingStrategy(group)
    dry_run = ray.remote(_DryRun).options(
        num_gpus=1 / count, num_cpus=settings.cpus, scheduling_strategy=place
    )
    try:
        actors: list[Any] = [dry_run.remote(recipe, settings) for _ in range(count)]
        ray.get([actor.rate.remote(0.0) for actor in actors], timeout=_PATIENCE)
        rates = [actor.rate.remote(seconds) for actor in actors]
        return float(sum(ray.get(rates, timeout=_PATIENCE)))
    finally:
        remove_placement_group(group)  # and with it its actors


class _DryRun:
    """One process that trains."""

    def __init__(self, recipe: Recipe, settings: ProbeSettings) -> None:
        torch.set_num_threads(settings.cpus)
        self.recipe = dry_run_recipe(recipe, _ENDLESS, _STEPS)
        self.compiled = settings.compiled
        self.device = torch.device("cuda" if settings.gpu else "cpu")
        self.resident = torch.empty(settings.resident, dtype=torch.uint8, device=self.device)

    def rate(self, seconds: float) -> float:
        """Images a second over so many seconds after a first epoch; 0 seconds only warms up."""
        context = _Timed(device=self.device, compiled=self.compiled, seconds=seconds)
        with suppress(_Enough):
            fit(self.recipe, random_images(self.recipe), context)
        return context.images / context.taken if context.images else 0.0


class _Enough(Exception):
    """The time is over."""


@dataclass
class _Timed(LocalContext):
    """Counts images instead of keeping rows, until its seconds are over."""

    seconds: float = 0.0
    images: int = 0
    began: float = field(default=0.0)
    taken: float = 0.0

    def save(self, row: EpochRow, checkpoint: Checkpoint) -> None:
        """Count an epoch; the first one starts the clock."""
        now = time.perf_counter()
        if checkpoint.epoch == 1:
            self.began = now
        else:
            self.images += row.train_images
            self.taken = now - self.began
        if now - self.began >= self.seconds:
            raise _Enough
