"""The results folder: a study's records and what they say; nobody ever reads half a file."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from model.errors import InputError
from orchestrator.records import table_of, to_parquet
from orchestrator.report import verdicts
from orchestrator.report.collect import Records
from orchestrator.report.comparisons import all_comparisons
from orchestrator.report.documents import to_latex, to_markdown
from orchestrator.report.longform import (
    COMPARISONS,
    VERDICTS,
    comparison_rows,
    to_arrow,
    to_csv,
    verdict_rows,
)
from orchestrator.report.tables import Filled, fill_table
from orchestrator.store import Store
from orchestrator.study import StudySpec


def prepare(folder: Path) -> Store:
    """The results folder as a store, proven to be writable.

    Raises:
        InputError: it cannot be written.
    """
    store = Store(str(folder))
    try:
        store.write(".probe", b"")
        store.delete(".probe")
    except OSError as error:
        raise InputError(f"results {folder}: cannot be written: {error}") from None
    return store


def write_results(study: StudySpec, records: Records, folder: Path) -> list[Filled]:
    """Write records, tables, comparisons, verdicts and figures, and return the tables."""
    from orchestrator.report.figures.gallery import figures  # matplotlib

    store = Store(str(folder))
    # The images' place on one machine is no part of the study.
    spec = study.model_dump(mode="json", exclude={"data": {"path"}}, exclude_unset=True)
    if "data" in spec:  # which a default does not say, yet nothing is read without it
        spec["data"] = {"source": study.data.source, **spec["data"]}
    store.write("study.yaml", yaml.safe_dump(spec, sort_keys=False).encode())
    for name, table in (
        ("trials", records.trials),
        ("epochs", records.epochs),
        ("cells", records.cells),
    ):
        store.write(f"{name}.parquet", to_parquet(table))
    filled = [fill_table(table, records) for table in study.tables]
    for table in filled:
        for ending, content in as_files(table).items():
            store.write(f"{table.table.name}.{ending}", content)
    store.write("comparisons.parquet", to_parquet(_comparisons(filled)))
    found = verdicts.verdicts(study, records)
    store.write("verdicts.parquet", to_parquet(table_of(VERDICTS, verdict_rows(found))))
    store.write("verdicts.md", verdicts.to_markdown(found).encode())
    if records.samples is not None:
        store.write("samples.parquet", to_parquet(records.samples))
    for name, content in figures(study, records, filled, records.samples):
        store.write(name, content)
    return filled


def results_as_json(study: StudySpec, folder: Path) -> dict[str, Any]:
    """What was written: `study`, `tables` by name (in long form, one object a cell),
    `comparisons` and `verdicts`."""
    return {
        "study": study.name,
        "tables": {table.name: _rows(folder / f"{table.name}.parquet") for table in study.tables},
        "comparisons": _rows(folder / "comparisons.parquet"),
        "verdicts": _rows(folder / "verdicts.parquet"),
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def as_files(filled: Filled) -> dict[str, bytes]:
    """A table in every format, by the ending of its file's name."""
    data = to_arrow(filled)
    return {
        "parquet": to_parquet(data),
        "csv": to_csv(data).encode(),
        "md": to_markdown(filled).encode(),
        "tex": to_latex(filled).encode(),
    }


def _comparisons(tables: list[Filled]) -> pa.Table:
    rows = []
    for filled in tables:
        rows += comparison_rows(filled, all_comparisons(filled))
    return table_of(COMPARISONS, rows)
