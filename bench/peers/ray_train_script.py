"""Stages as plain Ray Train runs them: one TorchTrainer.fit() after the other, Ray's defaults.

`python -m bench.peers.ray_train_script RECIPES.json CACHE STORAGE` prints the seconds of each as
one JSON list.
"""

import json
import os
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.epoch_row import EpochRow
from model.training.context import Checkpoint, LocalContext


class _Reporting(LocalContext):
    """Hands every epoch's row to Ray, as Ray's guides do."""

    def save(self, row: EpochRow, checkpoint: Checkpoint) -> None:
        import ray.train

        super().save(row, checkpoint)
        ray.train.report({name: value for name, value in asdict(row).items() if value is not None})


def train(config: dict[str, Any]) -> None:
    """One worker of one stage."""
    import torch
    from pydantic import TypeAdapter

    from model.config.recipe import Recipe
    from model.data.load import load
    from model.training.fit import fit

    torch.set_num_threads(config["threads"])
    recipe: Recipe = TypeAdapter(Recipe).validate_json(json.dumps(config["recipe"]))
    fit(recipe, load(recipe.data, Path(config["cache"])), _Reporting(device=_device()))


def _device() -> Any:
    import ray.train.torch

    return ray.train.torch.get_device()


def main(recipes: Path, cache: Path, storage: Path) -> list[float]:
    """Seconds of each stage."""
    import logging

    import ray
    import torch
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    threads, gpu = len(os.sched_getaffinity(0)), torch.cuda.is_available()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    seconds = []
    for number, recipe in enumerate(json.loads(recipes.read_text())):
        began = time.perf_counter()
        TorchTrainer(
            train,
            train_loop_config={"recipe": recipe, "cache": str(cache), "threads": threads},
            scaling_config=ScalingConfig(
                num_workers=1, use_gpu=gpu, resources_per_worker={"CPU": threads, "GPU": int(gpu)}
            ),
            run_config=RunConfig(name=f"stage-{number}", storage_path=str(storage)),
        ).fit()
        seconds.append(time.perf_counter() - began)
    ray.shutdown()
    return seconds


if __name__ == "__main__":
    # As the project's own local cluster: on loopback alone, no usage statistics.
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    from bench.peers import ray_train_script  # by its name: workers cannot import `__main__`

    print(json.dumps(ray_train_script.main(*map(Path, sys.argv[1:4]))))
