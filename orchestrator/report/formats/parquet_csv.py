"""Tables, comparisons and verdicts as data: one row a cell, typed, units in the schema; and CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from orchestrator.report.formats.arranged import ArrangedTable
from orchestrator.report.tables import statistics
from orchestrator.report.tables.comparisons import beside_paper, outstanding
from orchestrator.report.tables.fill import FilledTable, Value
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.store.naive_fills import NAIVE_FILLS
from orchestrator.store.schemas import column

# Raise it when a column changes its meaning or goes away; adding one does not need it.
VERSION = 1


def _column(name: str, kind: pa.DataType, unit: str, *, null: bool = True) -> pa.Field:
    return column(name, kind, unit, null=null)


def _text(name: str, unit: str, *, null: bool = True) -> pa.Field:
    return column(name, pa.string(), unit, null=null)


def table_schema(filled: FilledTable) -> pa.Schema:
    """Columns of a table's long form; what the study asked of the table is in the metadata."""
    unit, request = filled.unit, filled.table.model_dump(exclude_none=True)
    columns = [
        _text("cell", "name", null=False),
        _text("row", f"{filled.table.rows}, as printed"),
        _text("column", f"{filled.table.columns}, as printed"),
        _text("variant", "other axes, as printed", null=False),
        _text("metric", "name", null=False),
        _column("mean", pa.float64(), unit),
        _column("sd", pa.float64(), f"{unit}, over seeds, ddof 1"),
        _column("n", pa.int64(), "seeds", null=False),
        _column("low", pa.float64(), f"{unit}, 95 % bootstrap interval of the mean over seeds"),
        _column("high", pa.float64(), f"{unit}, 95 % bootstrap interval of the mean over seeds"),
        _column("best", pa.bool_(), "separated from every other cell by seeds", null=False),
        _column("val_images", pa.int64(), "images"),
        _column("binomial_error", pa.float64(), f"{unit}, standard error by the images"),
        _column("published", pa.float64(), unit),
        _column("difference", pa.float64(), f"{unit}, ours minus published"),
        _column("difference_low", pa.float64(), f"{unit}, 95 % interval"),
        _column("difference_high", pa.float64(), f"{unit}, 95 % interval"),
        _text("difference_test", "what the interval rests on"),
        _text("missing", "why there is no value"),
        *(_column(name, pa.float64(), f"{unit}, mean over seeds") for name in NAIVE_FILLS),
    ]
    metadata = {"maskgrid.table": str(VERSION), **{k: str(v) for k, v in request.items()}}
    return pa.schema(columns, metadata=metadata)


def to_arrow(filled: FilledTable) -> pa.Table:
    """The table in long form, one row a cell."""
    best = outstanding(filled)
    rows = [_row(filled, value, value.cell == best) for value in filled.values]
    return pa.Table.from_pylist(rows, schema=table_schema(filled))


def _row(filled: FilledTable, value: Value, best: bool) -> dict[str, Any]:
    table = filled.table
    low, high = statistics.bootstrap(value.results) or (None, None)
    beside = beside_paper(filled, value)
    counted = filled.is_accuracy and filled.val_images and value.mean is not None
    return {
        "cell": value.cell,
        "row": None if value.row is None else filled.label(table.rows, value.row),
        "column": None if value.column is None else filled.label(table.columns, value.column),
        "variant": value.variant,
        "metric": table.metric,
        "mean": value.mean,
        "sd": value.sd,
        "n": len(value.results),
        "low": low,
        "high": high,
        "best": best,
        "val_images": filled.val_images,
        "binomial_error": _binomial_error(filled, value) if counted else None,
        "published": value.published,
        "difference": beside.mean if beside else None,
        "difference_low": beside.low if beside else None,
        "difference_high": beside.high if beside else None,
        "difference_test": beside.test if beside else None,
        "missing": value.missing,
        **value.naive_fill_losses,
    }


_HOLM = "probability, Holm over one table and `against`; against best: over all pairs of cells"
COMPARISONS = pa.schema(
    [
        _text("table", "name", null=False),
        _text("cell", "name", null=False),
        _text("reference", "name of the cell that is subtracted", null=False),
        _text("against", "scratch (the same finetuning alone), best or row above", null=False),
        _text("unit", "unit of difference, low and high", null=False),
        _column("difference", pa.float64(), "see column unit; cell minus reference", null=False),
        _column("low", pa.float64(), "see column unit; 95 % interval"),
        _column("high", pa.float64(), "see column unit; 95 % interval"),
        _column("p", pa.float64(), "probability, two-sided"),
        _column("p_holm", pa.float64(), _HOLM),
        _column("p_sign_flips", pa.float64(), "probability, no normality assumed"),
        _column("n", pa.int64(), "pairs, one a seed", null=False),
        _text("test", "what interval and p rest on", null=False),
        _column("seeds_needed", pa.int64(), "seeds in all, power 0.8, level 0.05 by Bonferroni"),
        _column("shared_parent", pa.bool_(), "pairs have one pretraining", null=False),
        _column("holds", pa.bool_(), "separated by seeds", null=False),
    ],
    metadata={"maskgrid.comparisons": str(VERSION)},
)


def comparison_rows(table: ArrangedTable) -> list[dict[str, Any]]:
    """Rows of `COMPARISONS`."""
    return [
        {
            "table": table.name,
            "cell": each.cell,
            "reference": each.reference,
            "against": each.against,
            "unit": table.filled.unit,
            "difference": each.difference.mean,
            "low": each.difference.low,
            "high": each.difference.high,
            "p": each.difference.p,
            "p_holm": each.p_holm,
            "p_sign_flips": each.p_sign_flips,
            "n": each.difference.n,
            "test": each.difference.test,
            "seeds_needed": each.seeds_needed,
            "shared_parent": each.shared_parent,
            "holds": each.holds,
        }
        for each in table.comparisons
    ]


VERDICTS = pa.schema(
    [
        _text("claim", "sentence", null=False),
        _column("holds", pa.bool_(), "null: the results cannot tell"),
        _text("words", "sentence", null=False),
        _text("statistic", "test, statistic, p value, n", null=False),
    ],
    metadata={"maskgrid.verdicts": str(VERSION)},
)


def verdict_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Rows of `VERDICTS`."""
    return [dict(vars(verdict)) for verdict in verdicts]


def to_csv(table: pa.Table) -> str:
    """A table as CSV: a header line, empty for null, numbers to ten digits (Parquet has all)."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow(_csv_value(value) for value in row.values())
    return sink.getvalue()


def _csv_value(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else value


def _binomial_error(filled: FilledTable, value: Value) -> float | None:
    if not filled.val_images or value.mean is None:
        return None
    return statistics.binomial_error(value.mean, filled.val_images)
