"""A study's tables, made from its Parquet records and nothing else."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.report.records.collect import Records
from orchestrator.report.records.epoch_selection import Row, chosen_rows
from orchestrator.report.records.guessing import Guessing, guessing
from orchestrator.report.records.rows import CellRecord, TrialRecord
from orchestrator.report.records.val_images import val_images
from orchestrator.report.tables.axes import DIGITS, digits_needed, label
from orchestrator.report.tables.published import TABLES
from orchestrator.store.naive_fills import NAIVE_FILLS
from orchestrator.study.axes import Scalar
from orchestrator.study.tables import Table


@dataclass(frozen=True)
class Value:
    """One cell of a table over its seeds."""

    cell: str
    row: Scalar | None
    """Value of the row axis; None for a cell outside the grid, such as the baseline."""
    column: Scalar | None
    variant: str
    """Values of the other axes, such as `model.init=he`; empty where there are none."""
    by_seed: Mapping[int, float]
    """The metric of each seed that has it."""
    requested: int
    """Number of seeds in the study."""
    missing: str | None
    """Reason why the others have none: waiting, running, failed, skipped or no such metric."""
    published: float | None
    parents: Mapping[int, str] = field(default_factory=dict)
    """Trial whose weights each seed started from, where it did."""
    scratch: str | None = None
    """The cell that trains the same recipe without any input, if there is one."""
    naive_fill_losses: Mapping[str, float] = field(default_factory=dict)
    """Mean over seeds of the same loss for fills that learn nothing; reconstruction losses only."""

    @property
    def results(self) -> tuple[float, ...]:
        """The metric, one a seed."""
        return tuple(self.by_seed.values())

    @property
    def mean(self) -> float | None:
        """Mean over seeds."""
        return statistics.fmean(self.results) if self.by_seed else None

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds, ddof 1; None for fewer than two."""
        return statistics.stdev(self.results) if len(self.by_seed) > 1 else None


@dataclass(frozen=True)
class FilledTable:
    """A table of the study with its values."""

    table: Table
    values: tuple[Value, ...]
    val_images: int | None = None
    """Validation images behind each result; None for other images, or where nothing says."""
    digits: Mapping[str, int] = field(default_factory=dict)
    """Axis -> significant digits that tell its values apart; six where nothing is said."""
    region: str | None = None
    """Pixels that the cells' losses are over: `all`, `masked`, or None where they differ."""
    guess: Guessing = field(default_factory=Guessing)
    """Accuracies that need no network; unknown for other images than those of validation."""

    @property
    def is_accuracy(self) -> bool:
        """Whether the metric is a share of images rather than a loss."""
        return self.table.measure.is_accuracy

    @property
    def unit(self) -> str:
        """Unit of the metric."""
        hidden = ", hidden pixels" if self.region == "masked" else ""
        return self.table.measure.unit + hidden

    @property
    def shows_published(self) -> bool:
        """Whether any cell has a published value."""
        return any(value.published is not None for value in self.values)

    def label(self, axis: str, value: Scalar) -> str:
        """An axis value as printed; no two values of this table's cells read the same."""
        return label(axis, value, self.digits.get(axis, DIGITS))


Cells = Mapping[str, Sequence[CellRecord]]
"""Name of a cell -> its record at each seed."""


def fill_table(table: Table, records: Records) -> FilledTable:
    """Read a table's metric for every cell of the study that has its stage."""
    cells: dict[str, list[CellRecord]] = {}
    for cell in records.cell_rows:
        if table.stage in cell.trials:
            cells.setdefault(cell.name, []).append(cell)
    trials = records.trial_rows
    reader = _Reader(
        table=table,
        trials=trials,
        epochs=chosen_rows(table, records.epochs),
        controls=_from_scratch(cells, trials, table.stage) if table.task == "classify" else {},
        digits=digits_needed(seeds[0].values for seeds in cells.values()),
    )
    alike = records.of_same_images(table.stage)
    images = val_images(alike) if table.measure.split == "val" else None
    values = tuple(map(reader.value, cells.values()))
    regions = {reader.trial(cell).loss_region for seeds in cells.values() for cell in seeds}
    region = regions.pop() if len(regions) == 1 else None
    guess = guessing(alike) if table.measure.split == "val" else Guessing()
    return FilledTable(table, values, images, reader.digits, region, guess)


def _from_scratch(cells: Cells, trials: Mapping[str, TrialRecord], stage: str) -> dict[str, str]:
    """Cell with inputs -> the cell without any whose recipe is the same but for the terms."""
    first = {name: trials[seeds[0].trials[stage]] for name, seeds in cells.items()}
    recipes = {name: _method(trial.recipe) for name, trial in first.items()}
    with_inputs = [name for name, trial in first.items() if trial.inputs]
    # Of several such cells the first stands for all.
    controls = {recipes[name]: name for name in reversed([*cells]) if name not in with_inputs}
    return {name: controls[recipes[name]] for name in with_inputs if recipes[name] in controls}


def _method(recipe: Mapping[str, Any]) -> str:
    """A recipe without its seed, and without terms, which need inputs."""
    train = {name: value for name, value in recipe.get("train", {}).items() if name != "terms"}
    return json.dumps({**recipe, "seed": None, "train": train}, sort_keys=True)


@dataclass(frozen=True)
class _Reader:
    """Makes a cell's value from its records."""

    table: Table
    trials: Mapping[str, TrialRecord]
    epochs: Mapping[str, Row]
    """Trial key -> the epoch that counts."""
    controls: Mapping[str, str]
    """Cell with inputs -> the same without."""
    digits: Mapping[str, int]

    def value(self, seeds: Sequence[CellRecord]) -> Value:
        """One cell, from its record at each seed."""
        table, cell = self.table, seeds[0]
        other = {
            axis: v for axis, v in cell.values.items() if axis not in (table.rows, table.columns)
        }
        row, column = cell.values.get(table.rows), cell.values.get(table.columns)
        inside = cell.in_grid and row is not None and column is not None
        by_seed, missing = self._results(seeds)
        return Value(
            cell=cell.name,
            row=row if inside else None,
            column=column if inside else None,
            variant=", ".join(f"{a}={label(a, v, self.digits[a])}" for a, v in other.items()),
            by_seed=by_seed,
            requested=len(seeds),
            missing=missing,
            published=self._published(cell.name, row, column),
            parents=self._parents(seeds),
            scratch=self.controls.get(cell.name),
            naive_fill_losses=self._naive_fill_losses(seeds),
        )

    def trial(self, cell: CellRecord) -> TrialRecord:
        """The trial that the table reads of a cell at a seed."""
        return self.trials[cell.trials[self.table.stage]]

    def _results(self, seeds: Sequence[CellRecord]) -> tuple[dict[int, float], str | None]:
        """The metric of each seed's trial that has it, and why others do not."""
        results, reasons = {}, set()
        for cell in seeds:
            trial = self.trial(cell)
            result = self.epochs.get(trial.key, {}).get(self.table.metric)
            if trial.state != "done":
                reasons.add(trial.state)
            elif result is None:
                reasons.add(f"no {self.table.metric}")
            else:
                results[cell.seed] = result
        return results, ", ".join(sorted(reasons)) or None

    def _published(self, cell: str, row: Scalar | None, column: Scalar | None) -> float | None:
        if not self.table.published:
            return None
        published = TABLES[self.table.published]
        return published.baseline if cell == "baseline" else published.cells.get((row, column))

    def _parents(self, seeds: Sequence[CellRecord]) -> dict[int, str]:
        inputs = {cell.seed: self.trial(cell).inputs.get("weights") for cell in seeds}
        return {seed: key for seed, key in inputs.items() if key}

    def _naive_fill_losses(self, seeds: Sequence[CellRecord]) -> dict[str, float]:
        if (self.table.task, self.table.metric) != ("restore", "val_loss"):
            return {}
        losses = [losses for cell in seeds if (losses := self.trial(cell).naive_fill_losses)]
        if not losses:
            return {}
        return {name: statistics.fmean(each[name] for each in losses) for name in NAIVE_FILLS}
