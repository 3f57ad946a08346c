"""Tiny recipes with their images, and the bodies of processes that tests start.

Imports neither pytest nor Ray: those processes load this module.
"""

import itertools
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed
from torch import multiprocessing as mp
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from model.config.images import SyntheticImages
from model.config.network import ModelConfig
from model.config.recipe import ClassifyRecipe, Recipe, RestoreRecipe
from model.config.training import ClassifyConfig, OptimConfig, RestoreConfig, ScheduleConfig
from model.data.image_set import ImageSet
from model.data.synthetic import SyntheticSource
from model.epoch_row import EpochRow
from model.objectives.objectives import Batch, Scores
from model.training.batches import LocalBatch
from model.training.context import LocalContext, TrainContext
from model.training.fit import fit
from model.training.metrics import RunningMetrics
from model.training.trainer import Diverged

CPU = torch.device("cpu")
NETWORK = ModelConfig(channels=(4, 8), features=8, embed=8, heads=2, blocks=1, ffn=16, init="he")
IMAGES = SyntheticImages(image_size=16, num_classes=2, train_per_class=5, val_per_class=3)
CONSTANT = ScheduleConfig(warmup_epochs=0, decay_epochs=0)
UP_AND_DOWN = ScheduleConfig(warmup_epochs=1, decay_epochs=1)
# The attention's key bias changes nothing, so its gradient is rounding alone, which Adam's usual
# eps of 1e-8 would turn into steps of full size.
CALM = OptimConfig(lr=0.01, eps=1e-3)

torch.set_num_threads(1)  # tensors this small would only wait for each other in more

Rows = list[dict[str, Any]]


def pretrain(data: SyntheticImages = IMAGES, seed: int = 0, **train: Any) -> RestoreRecipe:
    """A pretrain recipe of three epochs of four steps, the last one of a single image."""
    config = RestoreConfig(**_defaults() | train)
    return RestoreRecipe(seed=seed, data=data, model=NETWORK, train=config)


def finetune(data: SyntheticImages = IMAGES, seed: int = 0, **train: Any) -> ClassifyRecipe:
    """As `pretrain`, for a classifier."""
    config = ClassifyConfig(**_defaults() | train)
    return ClassifyRecipe(seed=seed, data=data, model=NETWORK, train=config)


def _defaults() -> dict[str, Any]:
    return {"epochs": 3, "batch_size": 3, "optim": CALM, "schedule": UP_AND_DOWN}


@cache
def images_of(config: SyntheticImages = IMAGES) -> ImageSet:
    """The real images of a configuration, in memory."""
    source = SyntheticSource(config)
    pixels = np.concatenate(list(source.blocks()))
    return ImageSet(pixels, source.labels, source.is_val, source.class_names, source.fingerprint)


def results(rows: list[EpochRow]) -> Rows:
    """What must not depend on when and where it was trained: all that is known but the seconds."""
    return [
        {
            name: value
            for name, value in row.flat().items()
            if value is not None and not name.endswith("seconds")
        }
        for row in rows
    ]


def train(recipe: Recipe, context: TrainContext | None = None) -> dict[str, Tensor]:
    """Final weights of a recipe on its own images."""
    assert isinstance(recipe.data, SyntheticImages)
    return fit(recipe, images_of(recipe.data), context or LocalContext()).weights


@contextmanager
def before_each_step(act: Callable[[int, Optimizer], None]) -> Iterator[None]:
    """Calls `act` with the number, from 0, of each optimiser step before it is taken."""
    numbers = itertools.count()
    handle = register_optimizer_step_pre_hook(lambda optimizer, *_: act(next(numbers), optimizer))
    try:
        yield
    finally:
        handle.remove()


class Stopped(Exception):
    """Not one of the errors that the code under test raises or catches."""


def stop_before(step: int) -> Callable[[int, Optimizer], None]:
    """For `before_each_step`: an interruption in the middle of an epoch."""

    def stop(number: int, _: Optimizer) -> None:
        if number == step:
            raise Stopped

    return stop


def train_until_killed(store: str, key: str, step: int) -> None:
    """Go on with a trial of a store, and end as SIGKILL ends a process: in the given step."""
    from orchestrator.run.ledger_context import LedgerContext
    from orchestrator.store.ledger import Ledger
    from orchestrator.store.store import Store

    def kill(number: int, _: Optimizer) -> None:
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)

    ledger = Ledger(Store(store))
    spec = ledger.spec(key)
    with before_each_step(kill):
        train(spec.recipe, LedgerContext.open(spec, ledger, CPU))


Trials = dict[str, tuple[Recipe, LocalContext]]
Told = list[dict[str, dict[str, Any]]]


def train_with_workers(trials: Trials, world_sizes: list[int], folder: Path) -> dict[int, Told]:
    """Train with real processes; for each number of workers what each rank has to tell."""
    # As daemons, which end with this process even when a rank waits for ever.
    mp.spawn(_worker, (trials, world_sizes, folder), nprocs=max(world_sizes), daemon=True)
    return {
        size: [torch.load(folder / f"{size}-{rank}.pt", weights_only=True) for rank in range(size)]
        for size in world_sizes
    }


def _worker(rank: int, trials: Trials, world_sizes: list[int], folder: Path) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    for size in world_sizes:
        if rank < size:
            rendezvous = f"file://{folder / f'rendezvous-{size}'}"
            distributed.init_process_group("gloo", rendezvous, rank=rank, world_size=size)
            told = {
                name: _told(recipe, replace(context, rank=rank, world_size=size))
                for name, (recipe, context) in trials.items()
            }
            told["tally"] = {"bad_step": _bad_step(rank, size)}
            torch.save(told, folder / f"{size}-{rank}.pt")
            distributed.destroy_process_group()


def _bad_step(rank: int, world_size: int) -> int | None:
    """The first step without a finite loss, where rank r meets one in step 9 - r."""
    pixels, number = torch.zeros(1, 3, 8, 8), torch.zeros(1, dtype=torch.int64)
    part = LocalBatch(Batch(pixels, number, number, None, number), 1.0, 1)
    metrics = RunningMetrics(CPU)
    metrics.add(Scores(torch.tensor([math.nan]), None), part, 9 - rank)
    return metrics.reduce(world_size).bad_step


def _told(recipe: Recipe, context: LocalContext) -> dict[str, Any]:
    context.rows = list(context.rows)
    try:
        weights = train(recipe, context)
    except Diverged as error:
        return {"diverged": str(error), "saved": len(context.rows)}
    return {"rows": results(context.rows), "weights": weights}
