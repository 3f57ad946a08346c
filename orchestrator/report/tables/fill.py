"""A study's tables, made from its Parquet records and nothing else."""

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.report.records.collect import Records
from orchestrator.report.records.epoch_selection import chosen_rows
from orchestrator.report.records.val_images import val_images
from orchestrator.report.tables.published import TABLES, Published
from orchestrator.store.ledger import NAIVE_FILLS
from orchestrator.study.spec import Scalar, Table

Row = dict[str, Any]


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
    asked: int
    """Seeds that were asked for."""
    missing: str | None
    """Why the others have none: waiting, running, failed, skipped or no such metric."""
    published: float | None
    parents: Mapping[int, str] = field(default_factory=dict)
    """Trial each seed started from; for finetunings of a pretraining only."""
    scratch: str | None = None
    """The cell that finetunes the same recipe without pretraining, if there is one."""
    naive_fill_losses: Mapping[str, float] = field(default_factory=dict)
    """Mean over seeds of the same loss with nothing learned; for reconstruction losses only."""

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

    @property
    def is_accuracy(self) -> bool:
        """Whether the metric is a share of images rather than a loss."""
        return self.table.metric.endswith("accuracy")

    @property
    def unit(self) -> str:
        """Unit of the metric."""
        if self.is_accuracy:
            return "share in [0,1]"
        return "L1 in [0,1]" if self.table.kind == "pretrain" else "nats"

    @property
    def shows_published(self) -> bool:
        """Whether any cell has a published value."""
        return any(value.published is not None for value in self.values)

    def label(self, axis: str, value: Scalar) -> str:
        """An axis value as printed; no two values of this table's cells read the same."""
        return label(axis, value, self.digits.get(axis, DIGITS))


def fill_table(table: Table, records: Records) -> FilledTable:
    """Read a table's metric for every cell of the study that has a trial of its kind."""
    trials = {row["trial_key"]: row for row in records.trials.to_pylist()}
    found = chosen_rows(table, records.epochs)
    by_cell: dict[str, list[Row]] = {}
    for cell in records.cells.to_pylist():
        if cell[f"{table.kind}_key"]:
            by_cell.setdefault(cell["cell"], []).append(cell)
    scratch = _scratch(by_cell, trials) if table.kind == "finetune" else {}
    digits = _digits(json.loads(cells[0]["values"]) for cells in by_cell.values())
    values = [
        _value(table, cells, trials, found, scratch.get(name), digits)
        for name, cells in by_cell.items()
    ]
    images = val_images(trials.values()) if table.metric.startswith("val_") else None
    return FilledTable(table, tuple(values), images, digits)


AXES = {"patch_size": "patch", "mask_ratio": "masked"}
DIGITS = 6


def label(axis: str, value: Scalar, digits: int = DIGITS) -> str:
    """An axis value as the paper prints it: `4x4`, `20 %`.

    Args:
        digits: significant ones of a real number, 6 to 19; a percentage has two fewer.
    """
    if axis == "patch_size":
        return f"{value}x{value}"
    if axis == "mask_ratio" and isinstance(value, float):
        return f"{100 * value:.{digits - 2}g} %"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _digits(cells: Iterable[Mapping[str, Scalar]]) -> dict[str, int]:
    """Axis -> fewest significant digits at which no two of its values read the same."""
    found: dict[str, set[Scalar]] = {}
    for values in cells:
        for axis, value in values.items():
            found.setdefault(axis, set()).add(value)
    return {axis: _needed(axis, values) for axis, values in found.items()}


def _needed(axis: str, values: set[Scalar]) -> int:
    # 17 digits tell any two doubles apart; a percentage has two fewer than are asked for.
    enough = (
        n for n in range(DIGITS, 19) if len({label(axis, v, n) for v in values}) == len(values)
    )
    return next(enough, 19)


def _scratch(by_cell: Mapping[str, list[Row]], trials: Mapping[str, Row]) -> dict[str, str]:
    """Pretrained cell -> the cell without a pretraining whose finetune recipe is the same."""
    recipes = {}
    for name, cells in by_cell.items():
        recipe = json.loads(trials[cells[0]["finetune_key"]]["recipe"])
        recipes[name] = json.dumps({**recipe, "seed": None}, sort_keys=True)
    pretrained = {name for name, cells in by_cell.items() if cells[0]["pretrain_key"]}
    alone = {recipes[name]: name for name in reversed([*by_cell]) if name not in pretrained}
    return {name: alone[recipes[name]] for name in pretrained if recipes[name] in alone}


def _value(
    table: Table,
    cells: list[Row],
    trials: Mapping[str, Row],
    found: Mapping[str, Row],
    scratch: str | None,
    digits: Mapping[str, int],
) -> Value:
    name, values = cells[0]["cell"], json.loads(cells[0]["values"])
    row, column = values.pop(table.rows, None), values.pop(table.columns, None)
    # Names of baseline and arms have no `=`: they stand by their names, whatever they set.
    inside = row is not None and column is not None and "=" in name
    published = TABLES[table.published] if table.published else None
    keys = {cell["seed"]: cell[f"{table.kind}_key"] for cell in cells}
    by_seed, missing = _results(table, keys, trials, found)
    return Value(
        cell=name,
        row=row if inside else None,
        column=column if inside else None,
        variant=", ".join(f"{axis}={label(axis, v, digits[axis])}" for axis, v in values.items()),
        by_seed=by_seed,
        asked=len(cells),
        missing=missing,
        published=_beside(published, name, row, column) if published else None,
        parents=_parents(table, cells),
        scratch=scratch,
        naive_fill_losses=_beside_learning(table, [trials[key] for key in keys.values()]),
    )


def _parents(table: Table, cells: list[Row]) -> dict[int, str]:
    if table.kind == "pretrain":
        return {}
    return {cell["seed"]: cell["pretrain_key"] for cell in cells if cell["pretrain_key"]}


def _beside_learning(table: Table, trials: list[Row]) -> dict[str, float]:
    if table.kind != "pretrain" or table.metric != "val_loss":
        return {}
    known = [trial for trial in trials if trial[NAIVE_FILLS[0]] is not None]
    if not known:
        return {}
    return {name: statistics.fmean(trial[name] for trial in known) for name in NAIVE_FILLS}


def _results(
    table: Table,
    keys: Mapping[int, str],
    trials: Mapping[str, Row],
    found: Mapping[str, Row],
) -> tuple[dict[int, float], str | None]:
    """The metric of each seed's trial that has it, and why others do not."""
    results, missing = {}, set()
    for seed, key in keys.items():
        result = found[key][table.metric] if key in found else None
        if trials[key]["state"] != "done":
            missing.add(trials[key]["state"])
        elif result is None:
            missing.add(f"no {table.metric}")
        else:
            results[seed] = result
    return results, ", ".join(sorted(missing)) or None


def _beside(
    published: Published, cell: str, row: Scalar | None, column: Scalar | None
) -> float | None:
    if cell == "baseline":
        return published.baseline
    return published.cells.get((row, column))
