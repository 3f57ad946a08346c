"""The results folder: a study's records, and what is made of them; written whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from model.errors import InputError
from orchestrator.report.figures.stale import stale_files
from orchestrator.report.formats.arranged import ArrangedTable, arrange
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
from orchestrator.report.tables.fill import fill_table
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


@dataclass(frozen=True)
class Written:
    """Tables and verdicts as they were written."""

    tables: tuple[ArrangedTable, ...]
    """The study's tables, in their order."""
    verdicts: list[Verdict]


def write_results(study: StudySpec, records: Records, folder: Path, redraw: bool = True) -> Written:
    """Write records, tables, comparisons, verdicts, figures and the page; return what they say.

    Args:
        redraw: False leaves figures and page as they are where no record has changed.
    """
    store = Store(str(folder))
    recorded = _recorded(study, records)
    redraw = redraw or store.read(result_files.PAGE) is None
    redraw = redraw or any(store.read(name) != content for name, content in recorded.items())
    tables = tuple(arrange(fill_table(table, records)) for table in study.tables)
    written = Written(tables, verdicts.verdicts(study, records))
    _write(store, {**recorded, **_texts(written)})
    if redraw:
        drawn = _figures_and_page(study, records, written)
        _write(store, drawn)
        # What an edit has taken out of the study is no longer shown.
        for name in list(stale_files(store, set(drawn))):
            store.delete(name)
    return written


def _write(store: Store, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        store.write(name, content)


def _recorded(study: StudySpec, records: Records) -> dict[str, bytes]:
    """The records, which everything else is made from."""
    tables = {
        result_files.TRIALS: records.trials, result_files.EPOCHS: records.epochs,
        result_files.CELLS: records.cells,
    }  # fmt: skip
    tables |= {} if records.samples is None else {result_files.SAMPLES: records.samples}
    files = {name: to_parquet(table) for name, table in tables.items()}
    return {result_files.STUDY: study_yaml(study).encode(), **files}


def _texts(written: Written) -> dict[str, bytes]:
    """Tables, comparisons and verdicts, as data and as text."""
    files = {
        f"{table.name}.{ending}": content
        for table in written.tables
        for ending, content in as_files(table).items()
    }
    compared = [row for table in written.tables for row in comparison_rows(table)]
    return {
        **files,
        result_files.COMPARISONS: to_parquet(table_of(COMPARISONS, compared)),
        result_files.VERDICTS: to_parquet(table_of(VERDICTS, verdict_rows(written.verdicts))),
        result_files.VERDICTS_TEXT: verdicts.to_markdown(written.verdicts).encode(),
    }


def _figures_and_page(study: StudySpec, records: Records, written: Written) -> dict[str, bytes]:
    """Every figure, and the page that shows everything, by file name."""
    from orchestrator.report.figures.all_figures import figures  # matplotlib

    filled = [table.filled for table in written.tables]
    images = dict(figures(study, records, filled, records.samples))
    html = page(study, records, written.tables, written.verdicts, images)
    return {**images, result_files.PAGE: html}


def results_as_json(study: StudySpec, folder: Path) -> dict[str, Any]:
    """The written results: `study`, `tables` by name (in long form, one object a cell),
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


def as_files(table: ArrangedTable) -> dict[str, bytes]:
    """A table in every format, by the ending of its file's name."""
    data = to_arrow(table.filled)
    return {
        "parquet": to_parquet(data),
        "csv": to_csv(data).encode(),
        "md": to_markdown(table).encode(),
        "tex": to_latex(table).encode(),
    }
