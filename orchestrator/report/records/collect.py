"""From the ledger to a study's records: three Parquet tables that every report is made from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from model.config.recipe import RestoreRecipe
from orchestrator.plan.board import Board, State
from orchestrator.report.records.rows import CellRecord, TrialRecord, cell_records, trial_records
from orchestrator.store.leases import is_held
from orchestrator.store.ledger import Ledger
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, table_of
from orchestrator.study.graph import TrialGraph, TrialSpec


@dataclass(frozen=True)
class Records:
    """Everything that a study has recorded so far."""

    trials: pa.Table
    epochs: pa.Table
    cells: pa.Table
    samples: pa.Table | None = None
    """Pictures from finished pretrain trials, where any were drawn."""

    @cached_property
    def trial_rows(self) -> dict[str, TrialRecord]:
        """Trial key -> its record."""
        return trial_records(self.trials)

    @cached_property
    def cell_rows(self) -> tuple[CellRecord, ...]:
        """A record for each cell and seed."""
        return cell_records(self.cells)

    @cached_property
    def stages(self) -> dict[str, str]:
        """Stage -> its task, inputs first as far as the cells tell."""
        pairs = ((s, key) for cell in self.cell_rows for s, key in cell.trials.items())
        tasks = {stage: self.trial_rows[key].task for stage, key in pairs}
        return dict(sorted(tasks.items(), key=lambda item: self._depth_of(item[0])))

    def of_same_images(self, stage: str) -> list[TrialRecord]:
        """The trials on the images of a stage; another stage may have images of its own."""
        of_stage = (cell.trials[stage] for cell in self.cell_rows if stage in cell.trials)
        images = {self.trial_rows[key].images for key in of_stage}
        return [trial for trial in self.trial_rows.values() if trial.images in images]

    def _depth_of(self, stage: str) -> int:
        """Most stages that come before it in a cell."""
        placed = ([*cell.trials].index(stage) for cell in self.cell_rows if stage in cell.trials)
        return max(placed)


def collect(board: Board, ledger: Ledger) -> Records:
    """Gather the records of all the board's trials, finished or not."""
    trials: list[dict[str, Any]] = []
    epochs: list[pa.Table] = []
    for trial in board.graph.trials.values():
        epochs.append(ledger.epochs(trial.key))
        seconds = sum(epochs[-1]["train_seconds"].to_pylist())
        trials.append(
            {
                **_identity(trial),
                **_ending(trial.key, board, ledger),
                **_naive_fills(trial, ledger),
                "epochs_done": len(epochs[-1]),
                "train_seconds": seconds,
            }
        )
    # One chunk: ten thousand small ones would slow down whoever reads them.
    gathered = pa.concat_tables([EPOCHS.empty_table(), *epochs]).combine_chunks()
    return Records(
        table_of(TRIALS, trials),
        gathered,
        table_of(CELLS, _cells(board.graph)),
        _samples(board.graph, ledger),
    )


def _samples(graph: TrialGraph, ledger: Ledger) -> pa.Table | None:
    keys = [key for key, trial in graph.trials.items() if trial.task == "restore"]
    tables = [samples for key in keys if (samples := ledger.samples(key))]
    return pa.concat_tables(tables).combine_chunks() if tables else None


def _identity(trial: TrialSpec) -> dict[str, Any]:
    return {
        "trial_key": trial.key,
        "task": trial.task,
        "inputs": list(trial.inputs.items()),
        "seed": trial.recipe.seed,
        "epochs": trial.recipe.train.epochs,
        "loss": trial.recipe.loss_definition,
        "recipe": json.dumps(trial.recipe.public(), sort_keys=True),
    }


def _naive_fills(trial: TrialSpec, ledger: Ledger) -> dict[str, float]:
    if not isinstance(trial.recipe, RestoreRecipe):
        return {}
    return ledger.naive_fill_losses(trial.key, trial.recipe.train.loss_region)


def _ending(key: str, board: Board, ledger: Ledger) -> dict[str, Any]:
    state, outcome = board.states[key], ledger.outcome(key)
    if state is State.WAITING and is_held(ledger.store, key):
        state = State.RUNNING  # in another process than this one
    attempts = len(ledger.attempts(key))
    return {
        "state": (State.DONE if state is State.CACHED else state).value,
        "reason": board.reason(key),
        "restarts": max(0, attempts - 1),
        "wall_seconds": outcome.wall_seconds if outcome else None,
        "finished_at": outcome.finished_at if outcome else None,
        "val_images": outcome.provenance.get("val_images") if outcome else None,
        "provenance": json.dumps(outcome.provenance, sort_keys=True) if outcome else None,
    }


def _cells(graph: TrialGraph) -> Iterator[dict[str, Any]]:
    for asked in graph.cells:
        values = json.dumps(dict(asked.cell.values))
        cell = {"cell": asked.cell.name, "seed": asked.seed, "values": values}
        for stage, key in asked.trials.items():
            yield {**cell, "stage": stage, "trial_key": key}
