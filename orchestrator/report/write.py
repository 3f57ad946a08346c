"""The results folder: a study's records and what they say; nobody ever reads half a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from model.errors import InputError
from orchestrator.report.figures.stale import stale_files
from orchestrator.report.formats.documents import to_latex, to_markdown
from orchestrator.report.formats.parquet_csv import (
    COMPARISONS,
    VERDICTS,
    comparison_rows,
    to_arrow,
    to_csv,
    verdict_rows,
)
from orchestrator.report.page.origin import study_yaml
from orchestrator.report.page.page import page
from orchestrator.report.records.collect import Records
from orchestrator.report.tables import verdicts
from orchestrator.report.tables.comparisons import all_comparisons
from orchestrator.report.tables.fill import FilledTable, fill_table
from orchestrator.report.tables.verdicts import Verdict
from orchestrator.store.schemas import table_of, to_parquet
from orchestrator.store.store import Store
from orchestrator.study import result_files
from orchestrator.study.spec import StudySpec


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


def write_results(
    study: StudySpec, records: Records, folder: Path, redraw: bool = True
) -> list[FilledTable]:
    """Write records, tables, comparisons, verdicts, figures and the page; return the tables.

    Args:
        redraw: False leaves figures and page as they are where no record has changed.
    """
    store = Store(str(folder))
    recorded = _recorded(study, records)
    redraw = redraw or store.read(result_files.PAGE) is None
    redraw = redraw or any(store.read(name) != content for name, content in recorded.items())
    filled = [fill_table(table, records) for table in study.tables]
    found = verdicts.verdicts(study, records)
    for name, content in {**recorded, **_told(filled, found)}.items():
        store.write(name, content)
    if redraw:
        drawn = dict(_drawn(study, records, filled, found))
        for name, content in drawn.items():
            store.write(name, content)
        # What an edit has taken out of the study is no longer shown.
        for name in list(stale_files(store, set(drawn))):
            store.delete(name)
    return filled


def _recorded(study: StudySpec, records: Records) -> dict[str, bytes]:
    """What everything else is made from."""
    tables = {
        result_files.TRIALS: records.trials, result_files.EPOCHS: records.epochs,
        result_files.CELLS: records.cells,
    }  # fmt: skip
    tables |= {} if records.samples is None else {result_files.SAMPLES: records.samples}
    files = {name: to_parquet(table) for name, table in tables.items()}
    return {result_files.STUDY: study_yaml(study).encode(), **files}


def _told(tables: list[FilledTable], found: list[Verdict]) -> dict[str, bytes]:
    """What the records say, as data and as text."""
    files = {
        f"{filled.table.name}.{ending}": content
        for filled in tables
        for ending, content in as_files(filled).items()
    }
    compared = [
        row for filled in tables for row in comparison_rows(filled, all_comparisons(filled))
    ]
    return {
        **files,
        result_files.COMPARISONS: to_parquet(table_of(COMPARISONS, compared)),
        result_files.VERDICTS: to_parquet(table_of(VERDICTS, verdict_rows(found))),
        result_files.VERDICTS_TEXT: verdicts.to_markdown(found).encode(),
    }


def _drawn(
    study: StudySpec, records: Records, tables: list[FilledTable], found: list[Verdict]
) -> Iterator[tuple[str, bytes]]:
    """What the records look like: the figures, and the page that shows everything."""
    from orchestrator.report.figures.all_figures import figures  # matplotlib

    images = dict(figures(study, records, tables, records.samples))
    yield from images.items()
    yield result_files.PAGE, page(study, records, tables, found, images)


def results_as_json(study: StudySpec, folder: Path) -> dict[str, Any]:
    """What was written: `study`, `tables` by name (in long form, one object a cell),
    `comparisons` and `verdicts`."""
    return {
        "study": study.name,
        "tables": {table.name: _rows(folder / f"{table.name}.parquet") for table in study.tables},
        "comparisons": _rows(folder / result_files.COMPARISONS),
        "verdicts": _rows(folder / result_files.VERDICTS),
    }


def _rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def as_files(filled: FilledTable) -> dict[str, bytes]:
    """A table in every format, by the ending of its file's name."""
    data = to_arrow(filled)
    return {
        "parquet": to_parquet(data),
        "csv": to_csv(data).encode(),
        "md": to_markdown(filled).encode(),
        "tex": to_latex(filled).encode(),
    }
