"""A recipe trained by a plain script: `torchrun torchrun_script.py RECIPE.json CACHE THREADS`.

The peer of a whole trial: the same `fit` without Ray, store or study. Rank 0 prints one line of
JSON: images and seconds of training.
"""

import json
import os
import sys
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import distributed

from model.config.recipe import Recipe
from model.data.load import load
from model.training.context import LocalContext
from model.training.fit import fit


def main(path: Path, cache: Path, threads: int) -> None:
    """Train on every process that torchrun started."""
    torch.set_num_threads(threads)
    recipe: Recipe = TypeAdapter(Recipe).validate_json(path.read_text())
    gpu = torch.cuda.is_available()
    distributed.init_process_group("nccl" if gpu else "gloo")
    rank, world_size = distributed.get_rank(), distributed.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else torch.device("cpu")
    # On a GPU a study's trials are compiled.
    context = LocalContext(rank=rank, world_size=world_size, device=device, compiled=gpu)
    fit(recipe, load(recipe.data, cache), context)
    if rank == 0:
        # The first epoch pays for what is set up once.
        steady = context.rows[1:] or context.rows
        images = sum(row.train_images for row in steady)
        rate = images / sum(row.train_seconds for row in steady)
        trained = sum(row.train_seconds for row in context.rows)
        print(json.dumps({"train_seconds": trained, "images_per_second": rate}))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
