"""Names of the files that a results folder has whatever its study calls the tables."""

STUDY = "study.yaml"
PAGE = "report.html"
TRIALS, EPOCHS, CELLS = "trials.parquet", "epochs.parquet", "cells.parquet"
SAMPLES = "samples.parquet"
COMPARISONS = "comparisons.parquet"
VERDICTS, VERDICTS_TEXT = "verdicts.parquet", "verdicts.md"
README = "README.md"
"""Never written here, but by whoever keeps a folder; some disks take `readme.md` for the same."""
FILES = (STUDY, PAGE, TRIALS, EPOCHS, CELLS, SAMPLES, COMPARISONS, VERDICTS, VERDICTS_TEXT, README)


def reserved_by(table: str) -> str | None:
    """A file that has a table's name but for its ending; None if there is none."""
    return next((name for name in FILES if name.rpartition(".")[0].lower() == table), None)
