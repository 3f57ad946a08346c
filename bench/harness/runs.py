"""Whole runs in processes of their own: a study by the command line, a recipe by torchrun."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from bench.harness.part import ROOT

_LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Run:
    """One run from start to end."""

    wall: float
    """Seconds from the process's start to its end."""
    trained: float
    """Seconds of training steps in it, summed over its trials."""
    rate: float = 0.0
    """Images a second once it is warm; 0 where it is not measured."""
    first: float = 0.0
    """Of the seconds trained, those by which first epochs were slower: networks are compiled."""

    @property
    def overhead(self) -> float:
        """Seconds that were not spent on training."""
        return self.wall - self.trained


def study(content: dict[str, Any] | Path, folder: Path) -> Run:
    """`maskgrid run` of a study, all of its trials trained anew.

    Raises:
        RuntimeError: it failed.
    """
    folder.mkdir(parents=True)
    path = content if isinstance(content, Path) else folder / "study.yaml"
    if not isinstance(content, Path):
        path.write_text(yaml.safe_dump(content))
    results = folder / "results"
    command = ["-m", "orchestrator", "run", str(path), "--no-dashboard", "--store"]
    command += [str(folder / "store"), "--results", str(results), "--cache", str(folder / "cache")]
    wall = call(command)[0]
    columns = ["trial_key", "epoch", "train_seconds"]
    epochs = pq.read_table(results / "epochs.parquet", columns=columns).to_pylist()
    return Run(wall, sum(row["train_seconds"] for row in epochs), first=excess(epochs))


def excess(epochs: list[dict[str, Any]]) -> float:
    """Seconds that first epochs took beyond the median of those after them, over all trials."""
    trials: dict[str, list[float]] = {}
    for row in sorted(epochs, key=lambda row: int(row["epoch"])):
        trials.setdefault(row["trial_key"], []).append(row["train_seconds"])
    several = [seconds for seconds in trials.values() if len(seconds) > 1]
    return sum(max(0.0, first - statistics.median(others)) for first, *others in several)


def torchrun(recipe: str, folder: Path, processes: int, threads: int) -> Run:
    """`bench/peers/torchrun_script.py` on a recipe (JSON).

    Raises:
        RuntimeError: it failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.json"
    path.write_text(recipe)
    command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += [
        str(ROOT / "bench/peers/torchrun_script.py"),
        str(path),
        str(folder / "cache"),
        str(threads),
    ]
    wall, printed = call(command)
    row = json.loads(printed.strip().splitlines()[-1])
    return Run(wall, row["train_seconds"], row["images_per_second"])


def call(arguments: list[str]) -> tuple[float, str]:
    """Wall seconds and output of a Python process in the project's folder.

    Raises:
        RuntimeError: it failed, or took longer than ten minutes.
    """
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"}
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        shown = " ".join(arguments[:3])
        raise RuntimeError(f"{shown} took longer than {_LIMIT_SECONDS:.0f} s") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise RuntimeError(f"{' '.join(arguments[:3])} failed: {' '.join(last)}")
    return time.perf_counter() - began, done.stdout
