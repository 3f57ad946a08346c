"""A results folder read back: study and records, from which all else in it is made again."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from model.errors import InputError
from orchestrator import outputs
from orchestrator.loader import load_yaml
from orchestrator.records import CELLS, EPOCHS, SAMPLES, TRIALS, from_parquet
from orchestrator.report.collect import Records
from orchestrator.study import StudySpec
from orchestrator.studyfile import checked


def is_results(path: Path) -> bool:
    """Whether a path is a results folder and no study file."""
    return (path / outputs.TRIALS).is_file()


def study_of(folder: Path) -> StudySpec:
    """The study whose results lie in a folder; its images need not be there.

    Raises:
        InputError: there is no readable study.
    """
    path = folder / outputs.STUDY
    try:
        written: Any = load_yaml(path.read_text(encoding="utf-8"))
        if "path" not in written["data"] and written["data"]["source"] != "synthetic":
            written["data"]["path"] = "data"  # older folders do not say where images could lie
    except (OSError, LookupError, TypeError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no readable study: {reason}") from None
    return checked(written, str(path))


def records_of(folder: Path) -> Records:
    """The records of a results folder.

    Raises:
        InputError: a record is missing or damaged.
    """
    samples = folder / outputs.SAMPLES
    return Records(
        trials=_record(folder / outputs.TRIALS, TRIALS),
        epochs=_record(folder / outputs.EPOCHS, EPOCHS),
        cells=_record(folder / outputs.CELLS, CELLS),
        samples=_record(samples, SAMPLES) if samples.exists() else None,
    )


def _record(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        return from_parquet(path.read_bytes(), schema)
    except (OSError, InputError) as error:
        raise InputError(f"{path}: {error}") from None
