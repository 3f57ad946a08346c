"""Seconds that a trial costs beside its training, against torchrun with the same function."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.harness import runs
from bench.harness.part import Options, cores, main
from bench.harness.result import Result, result
from bench.inputs.recipes import QUICK
from model.config.images import SyntheticImages
from model.config.recipe import ClassifyRecipe
from model.config.training import ClassifyConfig

_DATA = {"source": "synthetic", "image_size": 32, "num_classes": 4, "train_per_class": 16}
_DATA |= {"val_per_class": 4}
_SCHEDULE = {"warmup_epochs": 0, "decay_epochs": 0}
_TRAIN = {"epochs": 2, "batch_size": 16, "schedule": _SCHEDULE}
_AGAINST = "torchrun of a plain script with the same fit, one process"


def measure(options: Options) -> Iterator[Result]:
    """Cost of every further trial, by executor, beside a torchrun for each trial."""
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        rounds = options.pick(min(options.rounds, 2), 1)
        for executor, more in (("inline", 8), ("train", 2)):
            ours, theirs, starts = [], [], []
            for number in range(rounds):
                round_folder = Path(folder) / f"{executor}-{number}"
                first = runs.study(_study(executor, 1), round_folder / "one")
                several = runs.study(_study(executor, 1 + more), round_folder / "several")
                starts.append(first.overhead)
                ours.append((several.overhead - first.overhead) / more)
                theirs.append(_alone(round_folder / "alone"))
            yield result(
                f"overhead.{executor}", "s", ours, theirs, less_is_better=True, against=_AGAINST,
                note=f"a further trial of one worker, one at a time: (a run of {1 + more} trials - "
                "a run of 1), each without its training seconds",
            )  # fmt: skip
            yield result(
                f"overhead.{executor}.first", "s", starts, theirs, less_is_better=True,
                against=_AGAINST, note="a whole run of one trial, Ray started and tables written",
            )  # fmt: skip


def _alone(folder: Path) -> float:
    data = SyntheticImages.model_validate(_DATA)
    recipe = ClassifyRecipe(data=data, model=QUICK, train=ClassifyConfig.model_validate(_TRAIN))
    return runs.torchrun(recipe.model_dump_json(), folder, 1, cores()).overhead


def _study(executor: str, trials: int) -> dict[str, Any]:
    """Finetunings without parents, which differ by their seeds."""
    return {
        "name": "overhead",
        "data": _DATA,
        "model": QUICK.model_dump(mode="json"),
        "finetune": _TRAIN,
        "seeds": list(range(trials)),
        "runtime": {"executor": executor, "max_concurrent": 1, "cpus_per_worker": cores()},
    }


if __name__ == "__main__":
    main(measure)
