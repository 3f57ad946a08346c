"""Tables and comparisons as data: types, units, CSV."""

import csv
import io

import pytest
from hand_records import BASELINE, cell, records

from orchestrator.report.formats.arranged import arrange
from orchestrator.report.formats.parquet_csv import (
    COMPARISONS,
    VERDICTS,
    comparison_rows,
    table_schema,
    to_arrow,
    to_csv,
    verdict_rows,
)
from orchestrator.report.tables.fill import FilledTable, fill_table
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.store.schemas import table_of
from orchestrator.study.tables import TABLE_1, TABLE_2


def example() -> FilledTable:
    table = TABLE_2.model_copy(update={"published": "terentiev-2024/table-2"})
    cells = [BASELINE, cell(2, 0.2, 0.25, 0.75), cell(2, 0.4, "failed")]
    return fill_table(table, records(cells, val_images=100))


def test_the_long_form_holds_every_cell_once_and_no_zero_for_nothing() -> None:
    base, two, failed = to_arrow(example()).to_pylist()
    assert [row["cell"] for row in (base, two, failed)] == [
        "baseline", "patch_size=2,mask_ratio=0.2", "patch_size=2,mask_ratio=0.4",
    ]  # fmt: skip
    shown = {key: two[key] for key in ("row", "column", "mean", "n", "published", "low", "high")}
    assert shown == {
        "row": "2x2", "column": "20 %", "mean": 0.5, "n": 2, "published": 0.446, "low": 0.25,
        "high": 0.75,
    }  # fmt: skip
    # By hand: the deviation of 1/4 and 3/4, and sqrt(.25 / 100).
    assert (two["sd"], two["binomial_error"]) == pytest.approx((0.125**0.5, 0.05))
    assert two["difference"] == pytest.approx(0.5 - 0.446)
    # One seed has no deviation; the paper's 40 % stands beside it with the images' noise.
    assert (base["sd"], base["low"], base["row"]) == (None, None, None)
    assert base["difference_low"] < base["difference"] < base["difference_high"]
    # Why there is nothing.
    assert (failed["mean"], failed["n"], failed["missing"]) == (None, 0, "failed")
    assert (failed["difference"], failed["binomial_error"]) == (None, None)


@pytest.mark.parametrize(
    ("table", "unit"), [(TABLE_1, "L1 in [0,1]"), (TABLE_2, "share in [0,1]"),
    (TABLE_2.model_copy(update={"metric": "val_loss"}), "nats")]
)  # fmt: skip
def test_every_column_has_its_unit_and_the_file_its_contract(table: object, unit: str) -> None:
    schema = table_schema(fill_table(table, records([BASELINE])))  # type: ignore[arg-type]
    assert all(field.metadata[b"unit"].strip() for field in schema)
    assert schema.field("mean").metadata[b"unit"].decode() == unit
    assert schema.metadata[b"maskgrid.table"] == b"1"
    # Rows, columns, metric and rule, as the study asked.
    asked = {name: schema.metadata[name] for name in (b"rows", b"columns", b"select")}
    assert asked == {b"rows": b"patch_size", b"columns": b"mask_ratio", b"select": b"last"}


def test_yardsticks_are_kept_as_numbers() -> None:
    plain = {"zero_fill": 0.09, "mean_fill": 0.04, "gaussian_fill": 0.02}
    [row] = to_arrow(fill_table(TABLE_1, records([cell(4, 0.2, 0.1)], "val_loss", **plain))).to_pylist()  # fmt: skip
    assert {name: row[name] for name in plain} == plain


def test_csv_is_read_back_as_the_table() -> None:
    table = to_arrow(example())
    found = list(csv.DictReader(io.StringIO(to_csv(table), newline="")))
    for read, row in zip(found, table.to_pylist(), strict=True):
        for name, value in row.items():
            if isinstance(value, float):
                assert float(read[name]) == pytest.approx(value, rel=1e-9)
            else:
                shown = "" if value is None else str(value)
                assert read[name] == (shown.lower() if isinstance(value, bool) else shown)


def test_comparisons_and_verdicts_have_units_and_keep_what_is_unknown_null() -> None:
    for schema in (COMPARISONS, VERDICTS):
        assert all(field.metadata[b"unit"].strip() for field in schema)
    filled = example()
    rows = table_of(COMPARISONS, comparison_rows(arrange(filled))).to_pylist()
    [scratch] = [row for row in rows if row["against"] == "scratch"]
    # The baseline has one seed, so one pair: the noise between seeds is unknown.
    assert (scratch["reference"], scratch["n"], scratch["unit"]) == (
        "baseline",
        1,
        "share in [0,1]",
    )
    assert (scratch["seeds_needed"], scratch["holds"]) == (None, False)
    [row] = table_of(VERDICTS, verdict_rows([Verdict("c", None, "w", "s")])).to_pylist()
    assert row == {"claim": "c", "holds": None, "words": "w", "statistic": "s"}
