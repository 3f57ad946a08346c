"""Numbers behind the figures: cells that are drawn together, and their metrics by epoch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.report.records.collect import Records
from orchestrator.report.records.epoch_selection import row_numbers
from orchestrator.report.records.guessing import Guessing
from orchestrator.report.tables.axes import axis_name, ordered
from orchestrator.report.tables.fill import FilledTable, Value
from orchestrator.study.axes import Scalar
from orchestrator.study.metrics import METRICS
from orchestrator.study.spec import StudySpec

BASE = "baseline"


@dataclass(frozen=True)
class Group:
    """Cells that are drawn together: a row of a table, or the cells outside its grid."""

    name: str
    """Such as `patch 2x2`, or `arms`."""
    cells: tuple[tuple[str, Value], ...]
    """Each with its name inside the group, such as `20 % masked`."""

    short: str
    """The same without the axis, such as `2x2`."""

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"[^A-Za-z0-9.-]+", "_", self.name).strip("_.")[:60]


@dataclass(frozen=True)
class Line:
    """A metric by epoch: the mean over the seeds that have reached it."""

    epochs: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]
    """ddof 1; NaN where fewer than two seeds have reached it."""
    seeds: tuple[int, int]
    """Fewest and most seeds at an epoch."""
    done: bool
    """Whether every seed's trial has ended well."""


class Curves:
    """The records by cell, stage and metric."""

    def __init__(self, records: Records) -> None:
        self._trials = records.trial_rows
        self._epochs, self._places = records.epochs, row_numbers(records.epochs)
        self._keys: dict[tuple[str, str], list[str]] = {}
        for cell in records.cell_rows:
            for stage, key in cell.trials.items():
                self._keys.setdefault((cell.name, stage), []).append(key)

    def keys(self, cell: str, stage: str) -> list[str]:
        """Keys of the cell's trials of a stage, one a seed."""
        return self._keys.get((cell, stage), [])

    def line(self, cell: str, stage: str, metric: str) -> Line | None:
        """The metric of the cell's trials; None before any has recorded it."""
        keys = self.keys(cell, stage)
        of_cell = [self._places[key] for key in keys if key in self._places]
        if not of_cell:
            return None
        rows = self._epochs.select(["epoch", metric]).take(np.concatenate(of_cell)).drop_null()
        by_epoch: dict[int, list[float]] = {}
        for epoch, value in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            by_epoch.setdefault(epoch, []).append(value)
        if not by_epoch:
            return None
        epochs = sorted(by_epoch)
        counts = [len(by_epoch[epoch]) for epoch in epochs]
        spread = [
            np.std(v, ddof=1) if len(v) > 1 else np.nan for v in map(by_epoch.get, epochs) if v
        ]
        return Line(
            epochs=np.array(epochs, np.int64),
            mean=np.array([np.mean(by_epoch[epoch]) for epoch in epochs]),
            sd=np.array(spread, np.float64),
            seeds=(min(counts), max(counts)),
            done=all(self._trials[key].state == "done" for key in keys),
        )


def rows(filled: FilledTable) -> list[Group]:
    """The table's rows, each with its cells in order of the columns."""
    table = filled.table
    inside = [value for value in filled.values if value.row is not None]
    groups = []
    for row in ordered(value.row for value in inside):
        for variant in dict.fromkeys(value.variant for value in inside if value.row == row):
            at = {v.column: v for v in inside if (v.row, v.variant) == (row, variant)}
            names = [
                ", ".join(filter(None, (name, variant)))
                for name in (named(filled, table.rows, row), filled.label(table.rows, row))
            ]
            cells = [(named(filled, table.columns, c), at[c]) for c in ordered(at)]
            groups.append(Group(names[0], tuple(cells), names[1]))
    return groups


def outside(filled: FilledTable) -> Group:
    """The cells outside the grid: the baseline and the arms; may be empty."""
    cells = [(value.cell, value) for value in filled.values if value.row is None]
    return Group("arms", tuple(cells), "arms")


def columns(filled: FilledTable) -> list[str]:
    """Names of the table's columns, in order."""
    values = ordered(value.column for value in filled.values if value.row is not None)
    return [named(filled, filled.table.columns, column) for column in values]


def named(filled: FilledTable, name: str, value: Scalar) -> str:
    """A value with its axis: `patch 4x4`, `20 % masked`, `model.init he`."""
    said = filled.label(name, value)
    return f"{said} {axis_name(name)}" if name == "mask_ratio" else f"{axis_name(name)} {said}"


def stage_title(stage: str) -> str:
    """A stage as a figure calls it."""
    return {"pretrain": "pretraining", "finetune": "finetuning"}.get(stage, stage)


def axis_title(name: str) -> str:
    """An axis with its unit, as a figure's edge says it."""
    titles = {"patch_size": "Patch size (pixels)", "mask_ratio": "Share of patches masked"}
    return titles.get(name, axis_name(name))


def measured(study: StudySpec, task: str, metric: str) -> str:
    """A metric with its unit, as an axis says it."""
    measure = METRICS[metric]
    name = {"val": "Validation", "train": "Training"}[measure.split]
    if measure.is_accuracy:
        return f"{name} accuracy"
    if task == "classify":
        return f"{name} loss (cross-entropy, nats)"
    return f"{name} loss (L1{study.loss_pixels})"


def guess_lines(guess: Guessing) -> Iterator[tuple[str, float, str]]:
    """Name, accuracy and line style of what is right without a network, as far as it is known."""
    if guess.chance:
        yield "chance", guess.chance, ":"
    if guess.largest_class:
        yield "largest class", guess.largest_class, "-."
