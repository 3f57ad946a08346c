"""The whole of quick.yaml: its share of training, and the same as one Ray Train fit a stage."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
import yaml

from bench.harness import runs
from bench.harness.part import ROOT, Options, cores, main
from bench.harness.result import Result, at_least, at_most, result

_QUICK = ROOT / "studies" / "quick.yaml"
_WARM = "; what first epochs took beyond the median of the others is not training but compiling"


def measure(options: Options) -> Iterator[Result]:
    """Our makespan, and four of its stages as Ray Train alone, in turn."""
    gpu = options.device == "cuda"
    ours, shares, wasted, stages, peers = [], [], [], 0, []
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        path = _study(Path(folder), options.tiny)
        for number in range(options.pick(min(options.rounds, 2), 1)):
            folder_of_run = Path(folder) / str(number)
            run = runs.study(path, folder_of_run)
            trials = pq.read_table(folder_of_run / "results" / "trials.parquet").to_pylist()
            stages, lanes = len(trials), 1 if gpu else cores()
            ours.append(run.wall)
            # On a GPU networks are compiled in their first epoch, which is not training.
            trained = run.trained - (run.first if gpu else 0.0)
            shares.append(trained / (lanes * run.wall))
            wasted.append(1 - shares[-1])
            peers.append(_one_fit_a_stage(trials, folder_of_run))
    yield result(
        "makespan.quick", "s", ours, less_is_better=True, goal=at_most(180, 100),
        note=f"{stages} trials from the command's start to its tables",
    )  # fmt: skip
    goal = None if gpu else at_least(0.5, of="value")
    note = (
        f"training seconds of all trials over makespan times trials at once{_WARM if gpu else ''}"
    )
    yield result("makespan.quick.training", "share", shares, goal=goal, note=note)
    if gpu:
        goal = at_most(0.05, 0.02)
        note = f"1 minus the row above{_WARM}"
        yield result("makespan.quick.not_in_steps", "share", wasted, goal=goal, note=note)
    each = [wall / stages for wall in ours]
    yield result(
        "makespan.quick.per_stage", "s", each, peers, less_is_better=True,
        against="Ray Train, one fit() a stage in sequence with Ray's defaults",
        note=f"the peer ran 2 of 9 pretrainings and 2 of 10 finetunings (of {stages} stages), "
        "weighted 9 to 10; one worker with all cores; it reports each epoch, ray.init not counted",
    )  # fmt: skip


def _study(folder: Path, tiny: bool) -> Path:
    """quick.yaml itself, or in small."""
    if not tiny:
        return _QUICK
    content = yaml.safe_load(_QUICK.read_text())
    content["data"] |= {"num_classes": 4, "train_per_class": 4, "val_per_class": 2}
    content["space"] = {"patch_size": {"grid": [2, 4]}}
    for stage in ("pretrain", "finetune"):
        content[stage] |= {"epochs": 1, "schedule": {"warmup_epochs": 0, "decay_epochs": 0}}
    path = folder / "quick.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _one_fit_a_stage(trials: list[dict[str, Any]], folder_of_run: Path) -> float:
    """Seconds a stage of the study, each stage a TorchTrainer of its own.

    Raises:
        RuntimeError: a fit did not end well.
    """
    chosen = [trial for task in ("restore", "classify") for trial in _two(trials, task)]
    path = folder_of_run / "stages.json"
    path.write_text(json.dumps([json.loads(trial["recipe"]) for trial in chosen]))
    command = [
        "-m",
        "bench.peers.ray_train_script",
        str(path),
        str(folder_of_run / "cache"),
        str(folder_of_run / "fits"),
    ]
    seconds: list[float] = json.loads(runs.call(command)[1].strip().splitlines()[-1])
    pretrain, finetune = sum(seconds[:2]) / 2, sum(seconds[2:]) / 2
    share: float = sum(trial["task"] == "restore" for trial in trials) / len(trials)
    return share * pretrain + (1 - share) * finetune


def _two(trials: list[dict[str, Any]], task: str) -> list[dict[str, Any]]:
    return [trial for trial in trials if trial["task"] == task][:2]


if __name__ == "__main__":
    main(measure)
