"""A study's tables, made from its Parquet records and nothing else."""

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from orchestrator.ledger import YARDSTICKS
from orchestrator.report.collect import Records
from orchestrator.report.published import TABLES, Published
from orchestrator.study import Scalar, Table

# One row a cell of the printed table.
SCHEMA = pa.schema(
    [
        pa.field("cell", pa.string(), nullable=False),
        pa.field("row", pa.string()),
        pa.field("column", pa.string()),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("mean", pa.float64(), metadata={"unit": "as the metric"}),
        pa.field("sd", pa.float64(), metadata={"unit": "as the metric, ddof 1"}),
        pa.field("n", pa.int64(), nullable=False, metadata={"unit": "seeds"}),
        pa.field("published", pa.float64(), metadata={"unit": "as the metric"}),
        pa.field("missing", pa.string(), metadata={"unit": "why there is no value"}),
        *(
            pa.field(name, pa.float64(), metadata={"unit": "as the metric, mean over seeds"})
            for name in YARDSTICKS
        ),
    ],
    metadata={"maskgrid.table": "1"},
)


@dataclass(frozen=True)
class Value:
    """One cell of a table over its seeds."""

    cell: str
    row: Scalar | None
    """Value of the row axis; None for a cell outside the grid, such as the baseline."""
    column: Scalar | None
    variant: str
    """Values of the other axes, such as `model.init=he`; empty where there are none."""
    results: tuple[float, ...]
    missing: str | None
    published: float | None
    yardsticks: Mapping[str, float] = field(default_factory=dict)
    """Mean over seeds of the same loss with nothing learned; for reconstruction losses only."""

    @property
    def mean(self) -> float | None:
        """Mean over seeds."""
        return statistics.fmean(self.results) if self.results else None

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds, ddof 1; None for fewer than two."""
        return statistics.stdev(self.results) if len(self.results) > 1 else None


@dataclass(frozen=True)
class Filled:
    """A table of the study with its values."""

    table: Table
    values: tuple[Value, ...]


def fill_table(table: Table, records: Records) -> Filled:
    """Read a table's metric for every cell of the study that has a trial of its kind."""
    trials = {row["trial_key"]: row for row in records.trials.to_pylist()}
    epochs: dict[str, list[dict[str, Any]]] = {}
    for row in records.epochs.to_pylist():
        epochs.setdefault(row["trial_key"], []).append(row)
    by_cell: dict[str, list[dict[str, Any]]] = {}
    for cell in records.cells.to_pylist():
        if cell[f"{table.kind}_key"]:
            by_cell.setdefault(cell["cell"], []).append(cell)
    return Filled(table, tuple(_value(table, cells, trials, epochs) for cells in by_cell.values()))


def to_arrow(filled: Filled) -> pa.Table:
    """The table in long form, one row a cell."""
    table = filled.table
    rows = [
        {
            "cell": value.cell,
            "row": None if value.row is None else label(table.rows, value.row),
            "column": None if value.column is None else label(table.columns, value.column),
            "metric": table.metric,
            "mean": value.mean,
            "sd": value.sd,
            "n": len(value.results),
            "published": value.published,
            "missing": value.missing,
            **value.yardsticks,
        }
        for value in filled.values
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


AXES = {"patch_size": "patch", "mask_ratio": "masked"}


def label(axis: str, value: Scalar) -> str:
    """An axis value as the paper prints it: `4x4`, `20 %`."""
    if axis == "patch_size":
        return f"{value}x{value}"
    if axis == "mask_ratio" and isinstance(value, float):
        return f"{100 * value:.4g} %"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _value(
    table: Table,
    cells: list[dict[str, Any]],
    trials: dict[str, dict[str, Any]],
    epochs: dict[str, list[dict[str, Any]]],
) -> Value:
    name, values = cells[0]["cell"], json.loads(cells[0]["values"])
    row, column = values.pop(table.rows, None), values.pop(table.columns, None)
    # Names of baseline and arms have no `=`: they stand by their names, whatever they set.
    inside = row is not None and column is not None and "=" in name
    published = TABLES[table.published] if table.published else None
    keys = [cell[f"{table.kind}_key"] for cell in cells]
    results, missing = _results(table, keys, trials, epochs)
    return Value(
        cell=name,
        row=row if inside else None,
        column=column if inside else None,
        variant=", ".join(f"{axis}={label(axis, value)}" for axis, value in values.items()),
        results=results,
        missing=missing,
        published=_beside(published, name, row, column) if published else None,
        yardsticks=_beside_learning(table, [trials[key] for key in keys]),
    )


def _beside_learning(table: Table, trials: list[dict[str, Any]]) -> dict[str, float]:
    if table.kind != "pretrain" or table.metric != "val_loss":
        return {}
    known = [trial for trial in trials if trial[YARDSTICKS[0]] is not None]
    if not known:
        return {}
    return {name: statistics.fmean(trial[name] for trial in known) for name in YARDSTICKS}


def _results(
    table: Table,
    keys: list[str],
    trials: dict[str, dict[str, Any]],
    epochs: dict[str, list[dict[str, Any]]],
) -> tuple[tuple[float, ...], str | None]:
    """The metric of each trial that has it, and why others do not."""
    results, missing = [], set()
    for key in keys:
        result = _result(table, epochs.get(key, []))
        if trials[key]["state"] != "done":
            missing.add(trials[key]["state"])
        elif result is None:
            missing.add(f"no {table.metric}")
        else:
            results.append(result)
    return tuple(results), ", ".join(sorted(missing)) or None


def _beside(
    published: Published, cell: str, row: Scalar | None, column: Scalar | None
) -> float | None:
    if cell == "baseline":
        return published.baseline
    return published.cells.get((row, column))


def _result(table: Table, epochs: list[dict[str, Any]]) -> float | None:
    if not epochs:
        return None
    chosen = epochs[-1]
    if table.select == "best_on_dev":
        measure = table.metric.replace("val_", "dev_").replace("train_", "dev_")
        measured = [epoch for epoch in epochs if epoch[measure] is not None]
        sign = 1 if measure.endswith("accuracy") else -1
        chosen = max(measured, key=lambda epoch: sign * epoch[measure], default=chosen)
    value: float | None = chosen[table.metric]
    return value
