"""The results folder: a study's records and what they say; nobody ever reads half a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from model.errors import InputError
from orchestrator import outputs
from orchestrator.records import table_of, to_parquet
from orchestrator.report import verdicts
from orchestrator.report.collect import Records
from orchestrator.report.comparisons import all_comparisons
from orchestrator.report.documents import to_latex, to_markdown
from orchestrator.report.figures.left import left_over
from orchestrator.report.longform import (
    COMPARISONS,
    VERDICTS,
    comparison_rows,
    to_arrow,
    to_csv,
    verdict_rows,
)
from orchestrator.report.page import page
from orchestrator.report.page_origin import study_yaml
from orchestrator.report.tables import Filled, fill_table
from orchestrator.report.verdicts import Verdict
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


def write_results(
    study: StudySpec, records: Records, folder: Path, redraw: bool = True
) -> list[Filled]:
    """Write records, tables, comparisons, verdicts, figures and the page; return the tables.

    Args:
        redraw: False leaves figures and page as they are where no record has changed.
    """
    store = Store(str(folder))
    recorded = _recorded(study, records)
    redraw = redraw or store.read(outputs.PAGE) is None
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
        for name in list(left_over(store, set(drawn))):
            store.delete(name)
    return filled


def _recorded(study: StudySpec, records: Records) -> dict[str, bytes]:
    """What everything else is made from."""
    tables = {
        outputs.TRIALS: records.trials, outputs.EPOCHS: records.epochs,
        outputs.CELLS: records.cells,
    }  # fmt: skip
    tables |= {} if records.samples is None else {outputs.SAMPLES: records.samples}
    files = {name: to_parquet(table) for name, table in tables.items()}
    return {outputs.STUDY: study_yaml(study).encode(), **files}


def _told(tables: list[Filled], found: list[Verdict]) -> dict[str, bytes]:
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
        outputs.COMPARISONS: to_parquet(table_of(COMPARISONS, compared)),
        outputs.VERDICTS: to_parquet(table_of(VERDICTS, verdict_rows(found))),
        outputs.VERDICTS_TEXT: verdicts.to_markdown(found).encode(),
    }


def _drawn(
    study: StudySpec, records: Records, tables: list[Filled], found: list[Verdict]
) -> Iterator[tuple[str, bytes]]:
    """What the records look like: the figures, and the page that shows everything."""
    from orchestrator.report.figures.gallery import figures  # matplotlib

    images = dict(figures(study, records, tables, records.samples))
    yield from images.items()
    yield outputs.PAGE, page(study, records, tables, found, images)


def results_as_json(study: StudySpec, folder: Path) -> dict[str, Any]:
    """What was written: `study`, `tables` by name (in long form, one object a cell),
    `comparisons` and `verdicts`."""
    return {
        "study": study.name,
        "tables": {table.name: _rows(folder / f"{table.name}.parquet") for table in study.tables},
        "comparisons": _rows(folder / outputs.COMPARISONS),
        "verdicts": _rows(folder / outputs.VERDICTS),
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
