"""A million epoch rows of ten thousand trials, from records and from a store, to their tables."""

import hashlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from bench.harness.memory import peak, resident
from bench.harness.part import Options, main
from bench.harness.result import Result, at_most, result
from bench.inputs.recipes import QUICK
from model.config.images import SyntheticImages
from model.epoch_row import EpochRow
from orchestrator.plan.board import board_of
from orchestrator.report.records.collect import Records, collect
from orchestrator.report.tables.fill import fill_table
from orchestrator.report.write import write_results
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.paths import Paths
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, from_parquet, to_parquet
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.recipes import Cell, arm_cells
from orchestrator.study.spec import StudySpec

_WEIGHTS = "0" * 64


def measure(options: Options) -> Iterator[Result]:
    """Write a store, then read it in fresh processes, so that each peak is its own."""
    trials, rows = options.pick((10_000, 100), (40, 3))
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
        study, graph = _study(trials)
        _write_store(graph, Path(folder), rows)
        what = f"{trials * rows:,} epoch rows of {trials:,} trials"
        seconds, memory = _apart(_from_store, study, graph, Path(folder))
        yield result(
            "records_to_tables.from_store", "s", [seconds["collect"]],
            note=f"{what}, one folder a trial; with tables and files {seconds['all']:.1f} s",
        )  # fmt: skip
        yield result(
            "records_to_tables.from_store.memory", "MB", [memory], note="more than at rest"
        )
        runs = [_apart(_from_records, study, graph, Path(folder)) for _ in range(options.rounds)]
        yield result(
            "records_to_tables.from_parquet", "s", [one["all"] for one, _ in runs],
            goal=at_most(10), note=f"{what}: three Parquet files to both tables",
        )  # fmt: skip
        yield result(
            "records_to_tables.from_parquet.memory", "MB", [more for _, more in runs],
            goal=at_most(1000), note="more than at rest",
        )  # fmt: skip


def _study(trials: int) -> tuple[StudySpec, TrialGraph]:
    """Half pretrainings, half their finetunings: a grid of 20 cells by seeds."""
    sizes, ratios = (1, 2, 4, 8), (0.1, 0.2, 0.4, 0.6, 0.8)
    axes = {"patch_size": {"grid": sizes}, "mask_ratio": {"grid": ratios}}
    cells = [
        Cell(f"patch_size={size},mask_ratio={ratio}", {"patch_size": size, "mask_ratio": ratio})
        for size in sizes
        for ratio in ratios
    ]
    study = StudySpec.model_validate(
        {
            "name": "ledger", "space": axes, "baseline": False,
            "data": SyntheticImages(fingerprint="0" * 32), "model": QUICK,
            "seeds": tuple(range(trials // (2 * len(cells)))),
        }
    )  # fmt: skip
    return study, build_graph(study, [*arm_cells(study), *cells])


def _write_store(graph: TrialGraph, folder: Path, rows: int) -> None:
    """Write the records of finished trials, but for their weights, straight to the disk."""
    done = Outcome(
        state="done", finished_at="2024-01-01T00:00:00+00:00", wall_seconds=1.0,
        weights_sha256=_WEIGHTS, provenance={"commit": _WEIGHTS},
    ).model_dump_json()  # fmt: skip
    for key, trial in graph.trials.items():
        for name, content in (
            (Paths.epochs(key), _epochs(key, trial.task, rows)),
            (Paths.outcome(key), done.encode()),
            (f"{Paths.attempts(key)}/0001.json", b"{}"),
        ):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _epochs(key: str, task: str, rows: int) -> bytes:
    """A trial's epochs: numbers drawn from its key."""
    random = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16))
    columns: dict[str, Any] = {"trial_key": [key] * rows}
    for field in fields(EpochRow):
        if field.name in ("epoch", "step", "train_images"):
            columns[field.name] = np.arange(1, rows + 1)
        elif field.name.startswith("dev") or (task == "restore" and "accuracy" in field.name):
            columns[field.name] = [None] * rows
        elif field.name == "measures":
            columns[field.name] = [[]] * rows
        else:
            columns[field.name] = random.random(rows)
    return to_parquet(pa.table(columns, schema=EPOCHS))


def _from_store(study: StudySpec, graph: TrialGraph, folder: Path) -> dict[str, float]:
    ledger = Ledger(Store(str(folder)))
    began = time.perf_counter()
    records = collect(board_of(graph, ledger), ledger)
    collected = time.perf_counter()
    write_results(study, records, folder / "results")
    return {"collect": collected - began, "all": time.perf_counter() - began}


def _from_records(study: StudySpec, graph: TrialGraph, folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    read = {
        name: from_parquet((folder / "results" / f"{name}.parquet").read_bytes(), schema)
        for name, schema in (("trials", TRIALS), ("epochs", EPOCHS), ("cells", CELLS))
    }
    records = Records(**read)
    filled = [fill_table(table, records) for table in study.tables]
    assert all(value.results for table in filled for value in table.values)
    return {"all": time.perf_counter() - began}


Job = Callable[[StudySpec, TrialGraph, Path], dict[str, float]]


def _apart(job: Job, study: StudySpec, graph: TrialGraph, folder: Path) -> tuple[Any, float]:
    """Run a job in a fresh process; its seconds, and its peak memory beyond what it began with."""
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=_job, args=(job, study, graph, folder, its))
    process.start()
    its.close()
    seconds, memory = mine.recv()  # EOFError where the process broke
    process.join()
    return seconds, memory


def _job(job: Job, study: StudySpec, graph: TrialGraph, folder: Path, pipe: Any) -> None:
    before = resident()
    seconds = job(study, graph, folder)
    pipe.send((seconds, peak() - before))


if __name__ == "__main__":
    main(measure)
