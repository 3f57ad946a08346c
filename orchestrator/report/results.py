"""The results folder: a study's records and tables; nobody ever reads half a file of it."""

from pathlib import Path

import yaml

from model.errors import InputError
from orchestrator.records import to_parquet
from orchestrator.report.collect import Records
from orchestrator.report.layout import to_markdown
from orchestrator.report.tables import Filled, fill_table, to_arrow
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
    """Write records and tables and return the tables."""
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
        store.write(f"{table.table.name}.parquet", to_parquet(to_arrow(table)))
        store.write(f"{table.table.name}.md", to_markdown(table).encode())
    return filled
