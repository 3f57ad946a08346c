"""A study's tables, made from its Parquet records and nothing else."""

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

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
        }
        for value in filled.values
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def grid(filled: Filled) -> tuple[list[str], list[list[str]]]:
    """The table as text: header and rows, cells outside the grid first as in the paper."""
    table = filled.table
    inside = [value for value in filled.values if value.row is not None]
    columns = _ordered(value.column for value in inside)
    header = [_AXES.get(table.rows, table.rows), *(label(table.columns, c) for c in columns)]
    body = [
        [value.cell, text(table, value), *[""] * (len(header) - 2)]
        for value in filled.values
        if value.row is None
    ]
    at = {(value.row, value.variant, value.column): value for value in inside}
    for row in _ordered(value.row for value in inside):
        for variant in dict.fromkeys(value.variant for value in inside if value.row == row):
            found = [at.get((row, variant, column)) for column in columns]
            name = ", ".join(filter(None, (label(table.rows, row), variant)))
            body.append([name, *(text(table, v) if v else "" for v in found)])
    return header, body


def to_markdown(filled: Filled) -> str:
    """The table as Markdown, its title above."""
    header, body = grid(filled)
    lines = [header, ["---"] * len(header), *body]
    rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"**{filled.table.title}**\n\n{rows}\n"


def text(table: Table, value: Value) -> str:
    """One cell: the mean, its deviation over seeds, the published value; or why it is missing."""
    show = _format(table.metric)
    if value.mean is None:
        return value.missing or "missing"
    ours = show(value.mean)
    if value.sd is not None:
        ours += f" ± {show(value.sd)} (n={len(value.results)})"
    if value.missing:
        ours += f" [{value.missing}]"
    return ours if value.published is None else f"{ours} (paper {show(value.published)})"


_AXES = {"patch_size": "patch", "mask_ratio": "masked"}


def label(axis: str, value: Scalar) -> str:
    """An axis value as the paper prints it: `4x4`, `20 %`."""
    if axis == "patch_size":
        return f"{value}x{value}"
    if axis == "mask_ratio" and isinstance(value, float):
        return f"{100 * value:.4g} %"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _format(metric: str) -> Callable[[float], str]:
    return "{:.1%}".format if metric.endswith("accuracy") else "{:.4f}".format


def _ordered(values: Iterable[Scalar | None]) -> list[Any]:
    unique = [value for value in dict.fromkeys(values) if value is not None]
    numbers = all(isinstance(value, int | float) for value in unique)
    return sorted(unique, key=float) if numbers else unique


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
    )


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
