"""The Parquet records: their Arrow schemas with units, and a reader that checks the version."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.epoch_row import EpochRow
from model.errors import InputError
from orchestrator.store.old_records import upgraded

# Raise it when a column changes its meaning or goes away; adding one does not need it.
VERSION = 2


def column(name: str, kind: pa.DataType, unit: str, *, null: bool = False) -> pa.Field:
    """An Arrow field that says its unit."""
    return pa.field(name, kind, nullable=null, metadata={"unit": unit})


def _schema(*columns: pa.Field) -> pa.Schema:
    return pa.schema(columns, metadata={"maskgrid.records": str(VERSION)})


_KEY = column("trial_key", pa.string(), "key")

EPOCHS = _schema(
    _KEY,
    column("epoch", pa.int64(), "epochs, from 1"),
    column("step", pa.int64(), "optimiser steps"),
    column("learning_rate", pa.float64(), "1"),
    column("train_loss", pa.float64(), "L1 in [0,1] or nats"),
    column("train_accuracy", pa.float64(), "share in [0,1]", null=True),
    column("dev_loss", pa.float64(), "L1 in [0,1] or nats", null=True),
    column("dev_accuracy", pa.float64(), "share in [0,1]", null=True),
    column("val_loss", pa.float64(), "L1 in [0,1] or nats"),
    column("val_accuracy", pa.float64(), "share in [0,1]", null=True),
    column("train_images", pa.int64(), "images"),
    column("train_seconds", pa.float64(), "s"),
    column("eval_seconds", pa.float64(), "s"),
    column("measures", pa.map_(pa.string(), pa.float64()), "by name, means over images", null=True),
)
assert EPOCHS.names == ["trial_key", *(field.name for field in fields(EpochRow))]

TRIALS = _schema(
    _KEY,
    column("task", pa.string(), "restore or classify"),
    column("inputs", pa.map_(pa.string(), pa.string()), "role to key"),
    column("state", pa.string(), "waiting, running, done, failed or skipped"),
    column("reason", pa.string(), "why it failed or was skipped", null=True),
    column("seed", pa.int64(), "1"),
    column("epochs", pa.int64(), "epochs asked for"),
    column("epochs_done", pa.int64(), "epochs"),
    column("train_seconds", pa.float64(), "s, training steps alone"),
    column("wall_seconds", pa.float64(), "s, first start to end", null=True),
    column("restarts", pa.int64(), "times started again"),
    column("finished_at", pa.string(), "ISO 8601, UTC", null=True),
    # Over the pixels that the trial's own loss is over.
    column("zero_fill", pa.float64(), "L1 in [0,1] with hidden pixels black", null=True),
    column("mean_fill", pa.float64(), "L1 in [0,1] with the visible mean colour", null=True),
    column("gaussian_fill", pa.float64(), "L1 in [0,1], normalised Gaussian", null=True),
    column("hidden_share", pa.float64(), "share of validation pixels hidden", null=True),
    column("loss", pa.string(), "definition of its losses, in words", null=True),
    column("val_images", pa.int64(), "validation images", null=True),
    column("recipe", pa.string(), "JSON, every default spelled out"),
    column("provenance", pa.string(), "JSON: versions, commit, hardware, workers", null=True),
)

# One row a stage of each cell and seed.
CELLS = _schema(
    column("cell", pa.string(), "name"),
    column("seed", pa.int64(), "1"),
    column("values", pa.string(), "JSON: axis or recipe field to value"),
    column("stage", pa.string(), "name"),
    _KEY,
)

# One row an image. Pictures are side x side pixels, row by row, three bytes (RGB) a pixel.
SAMPLES = _schema(
    _KEY,
    column("sample", pa.int64(), "index in the image set"),
    column("label", pa.string(), "class name"),
    column("side", pa.int64(), "pixels"),
    column("original", pa.binary(), "RGB, 0 to 255"),
    column("masked", pa.binary(), "RGB, 0 to 255: what the network saw"),
    column("restored", pa.binary(), "RGB, 0 to 255: what it made of it"),
)


# One row an image of validation.
ANSWERS = _schema(
    _KEY,
    column("sample", pa.int64(), "index in the image set"),
    column("label", pa.uint16(), "class number"),
    column("predicted", pa.uint16(), "most likely class number"),
    column("probability", pa.uint8(), "of that class, in 255ths"),
)


def epochs_to_parquet(key: str, rows: Iterable[EpochRow]) -> bytes:
    """One trial's rows as a Parquet file."""
    records = [
        {"trial_key": key, **asdict(row), "measures": list(row.measures.items())} for row in rows
    ]
    return to_parquet(pa.Table.from_pylist(records, schema=EPOCHS))


def epoch_rows(table: pa.Table) -> list[EpochRow]:
    """The rows of a table of epochs."""
    records = table.drop_columns(["trial_key"]).to_pylist()
    return [EpochRow(**{**each, "measures": dict(each["measures"] or ())}) for each in records]


def table_of(schema: pa.Schema, records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Records as a typed table.

    Raises:
        ValueError: a record lacks a value that may not be null.
    """
    table = pa.Table.from_pylist(list(records), schema=schema)
    for field in schema:  # Arrow itself says so only when the table is written
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"{field.name}: a record has no value")
    return table


def to_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file, its schema's metadata included."""
    sink = io.BytesIO()
    # The smallest and largest of a column of pictures would be two pictures more.
    summed = [field.name for field in table.schema if field.type != pa.binary()]
    pq.write_table(table, sink, compression="zstd", write_statistics=summed)
    return sink.getvalue()


def from_parquet(content: bytes, schema: pa.Schema) -> pa.Table:
    """The columns of `schema` from a Parquet file; nullable ones that it lacks are null.

    Raises:
        InputError: not Parquet, of another version, or a column is missing or of another type.
    """
    try:
        # A trial's file is small: threads would cost more than they save.
        table = pq.ParquetFile(io.BytesIO(content)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not a readable Parquet record: {error}") from None
    version = (table.schema.metadata or {}).get(b"maskgrid.records", b"missing").decode()
    if version == "1":
        table = _from_version_1(table)
    elif version != str(VERSION):
        raise InputError(f"record of version {version}; this maskgrid reads version {VERSION}")
    absent = [field for field in schema if field.name not in table.column_names]
    if lacking := sorted(field.name for field in absent if not field.nullable):
        raise InputError(f"record lacks the columns {', '.join(lacking)}")
    for field in absent:  # written before there was such a column
        table = table.append_column(field, pa.nulls(len(table), field.type))
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"record with a column of another type: {error}") from None


def _from_version_1(table: pa.Table) -> pa.Table:
    try:
        return upgraded(table)
    except (LookupError, TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(f"damaged record of version 1: {error!r}") from None


def readable(content: bytes | None, schema: pa.Schema) -> pa.Table | None:
    """As `from_parquet`; None where there is no file, or none that can be read."""
    try:
        return from_parquet(content, schema) if content else None
    except InputError:
        return None
