"""The Parquet records: what they hold, and what is refused."""

import io
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.epoch_row import EpochRow
from model.errors import InputError
from orchestrator.store.schemas import (
    CELLS,
    EPOCHS,
    TRIALS,
    VERSION,
    epoch_rows,
    epochs_to_parquet,
    from_parquet,
    table_of,
    to_parquet,
)

SCHEMAS = {"epochs": EPOCHS, "trials": TRIALS, "cells": CELLS}
CELL = {"cell": "a", "seed": 0, "values": "{}", "stage": "finetune", "trial_key": "f"}

WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False)
ROWS = st.builds(
    EpochRow,
    **{field.name: WHOLE for field in fields(EpochRow) if field.type is int},
    **{field.name: REAL for field in fields(EpochRow) if field.type is float},
    **{field.name: st.none() | REAL for field in fields(EpochRow) if field.type == float | None},
    measures=st.dictionaries(st.text(max_size=9), REAL, max_size=3),
)
ROW = EpochRow(1, 4, 0.1, 0.5, None, None, None, 0.4, None, 10, 1.0, 0.5)


def written(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def with_version(version: str | None) -> bytes:
    metadata = None if version is None else {"maskgrid.records": version}
    return written(table_of(CELLS, [CELL]).replace_schema_metadata(metadata))


# --- round trips ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(key=st.text(max_size=20), rows=st.lists(ROWS, max_size=5))
def test_epoch_rows_come_back_equal(key: str, rows: list[EpochRow]) -> None:
    content = epochs_to_parquet(key, rows)
    # Every bit of every number, infinities and missing values included.
    assert epoch_rows(from_parquet(content, EPOCHS)) == rows
    # Each row carries its trial's key, so that files can be put together.
    assert pq.read_table(io.BytesIO(content))["trial_key"].to_pylist() == [key] * len(rows)


def test_equal_records_are_equal_bytes() -> None:
    table = table_of(CELLS, [CELL] * 3)
    # Results folders can be compared by checksum.
    assert to_parquet(table) == to_parquet(table_of(CELLS, [CELL] * 3))


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_table_keeps_its_types_units_and_version(schema: pa.Schema) -> None:
    found = from_parquet(to_parquet(schema.empty_table()), schema).schema
    # What was written down about each column is in the file.
    assert found.equals(schema, check_metadata=True)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_any_parquet_reader_finds_units_and_version(schema: pa.Schema) -> None:
    found = pq.read_schema(io.BytesIO(to_parquet(schema.empty_table())))
    # No column leaves its unit to be guessed.
    assert all(field.metadata[b"unit"].strip() for field in found)
    assert found.metadata[b"maskgrid.records"] == str(VERSION).encode()


def test_a_trials_rows_have_the_columns_of_an_epoch() -> None:
    columns = {field.name: field for field in EPOCHS if field.name != "trial_key"}
    assert list(columns) == [field.name for field in fields(EpochRow)]
    # A column may be empty exactly where the row may say None.
    for field in fields(EpochRow):
        expected = field.type == float | None or field.name == "measures"
        assert columns[field.name].nullable == expected, field.name


# --- what may be empty ------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["null", "absent"])
@pytest.mark.parametrize("column", CELL)
def test_only_what_may_be_empty_may_be(column: str, how: str) -> None:
    record: dict[str, Any] = {**CELL, column: None}
    if how == "absent":
        del record[column]
    with pytest.raises(ValueError, match=column):
        table_of(CELLS, [CELL, record])


@pytest.mark.parametrize("value", ["one", b"1", 2**63, []])
def test_a_value_of_another_type_is_refused(value: object) -> None:
    # A seed is a whole number of 64 bits.
    with pytest.raises((ValueError, TypeError, OverflowError)):
        table_of(CELLS, [{**CELL, "seed": value}])


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all", b"PAR1" + bytes(99)])
def test_what_is_no_parquet_is_wrong_input(content: bytes) -> None:
    with pytest.raises(InputError, match="not a readable Parquet record"):
        from_parquet(content, CELLS)


def test_a_file_that_was_cut_short_is_wrong_input() -> None:
    content = to_parquet(table_of(CELLS, [CELL]))
    for length in range(0, len(content), 97):
        with pytest.raises(InputError):
            from_parquet(content[:length], CELLS)


@pytest.mark.parametrize("version", [str(VERSION + 1), "0", "", None])
def test_a_record_of_another_version_is_refused(version: str | None) -> None:
    # The message holds what was found and what is understood.
    shown = "missing" if version is None else version
    with pytest.raises(InputError, match=f"version {shown}; this maskgrid reads version {VERSION}"):
        from_parquet(with_version(version), CELLS)
    # The same file with the right number is read.
    assert from_parquet(with_version(str(VERSION)), CELLS).to_pylist() == [CELL]


def test_missing_columns_are_named() -> None:
    table = table_of(CELLS, [CELL]).drop_columns(["seed", "cell"])
    with pytest.raises(InputError, match="lacks the columns cell, seed"):
        from_parquet(written(table), CELLS)


def test_a_record_from_before_a_nullable_column_is_read() -> None:
    [row] = epoch_rows(from_parquet(epochs_to_parquet("k", [ROW]), EPOCHS))
    older = from_parquet(epochs_to_parquet("k", [row]), EPOCHS).drop_columns(["measures"])
    found = from_parquet(written(older), EPOCHS)
    # What was not recorded is null, in its place and of its type.
    assert found["measures"].to_pylist() == [None]
    assert found.schema.equals(EPOCHS, check_metadata=True)
    assert epoch_rows(found) == [row]


def test_a_column_more_is_no_matter() -> None:
    table = table_of(CELLS, [CELL]).append_column("later", pa.array([1]))
    # A later maskgrid may add columns without a new version.
    assert from_parquet(written(table), CELLS).to_pylist() == [CELL]


@pytest.mark.parametrize(
    "column", [pa.array(["one"]), pa.array([[1]]), pa.array([1.5]), pa.array([None], pa.int64())]
)
def test_a_column_of_another_type_is_refused(column: pa.Array) -> None:
    table = table_of(CELLS, [CELL])
    other = table.set_column(table.column_names.index("seed"), "seed", column)
    with pytest.raises(InputError, match="column of another type"):
        from_parquet(written(other), CELLS)
