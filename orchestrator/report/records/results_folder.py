"""A results folder read back: study and records, from which all else in it is made again."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from model.errors import InputError
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.report.records.collect import Records
from orchestrator.store.schemas import CELLS, EPOCHS, SAMPLES, TRIALS, from_parquet
from orchestrator.store.study_registry import RecordedCell, RecordedTrial, StudyRecord
from orchestrator.study import result_files
from orchestrator.study.file import parse_study
from orchestrator.study.graph import RECIPE_VERSION
from orchestrator.study.spec import StudySpec
from orchestrator.study.yaml_loader import load_yaml


def is_results(path: Path) -> bool:
    """Whether a path is a results folder and no study file."""
    return (path / result_files.TRIALS).is_file()


def study_of(folder: Path) -> StudySpec:
    """The study whose results lie in a folder; its images need not be there.

    Raises:
        InputError: there is no readable study.
    """
    path = folder / result_files.STUDY
    try:
        written: Any = load_yaml(path.read_text(encoding="utf-8"))
        if "path" not in written["data"] and written["data"]["source"] != "synthetic":
            written["data"]["path"] = "data"  # older folders do not say where images could lie
    except (OSError, LookupError, TypeError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: no readable study: {reason}") from None
    return parse_study(written, str(path))


def records_of(folder: Path) -> Records:
    """The records of a results folder.

    Raises:
        InputError: a record is missing or damaged.
    """
    samples = folder / result_files.SAMPLES
    return Records(
        trials=_record(folder / result_files.TRIALS, TRIALS),
        epochs=_record(folder / result_files.EPOCHS, EPOCHS),
        cells=_record(folder / result_files.CELLS, CELLS),
        samples=_record(samples, SAMPLES) if samples.exists() else None,
    )


def _record(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        return from_parquet(path.read_bytes(), schema)
    except (OSError, InputError) as error:
        raise InputError(f"{path}: {error}") from None


def study_record(folder: Path) -> StudyRecord | None:
    """The study of a results folder by its records; None where these cannot be read."""
    try:
        study, records = study_of(folder), records_of(folder)
        return StudyRecord(
            name=study.name,
            recipe_version=RECIPE_VERSION,
            keep_weights=study.runtime.keep_weights,
            cells=tuple(
                RecordedCell(cell=cell.name, seed=cell.seed, keys=dict(cell.trials))
                for cell in records.cell_rows
            ),
            trials={
                key: RecordedTrial(recipe=trial.recipe, inputs=dict(trial.inputs))
                for key, trial in records.trial_rows.items()
            },
        )
    except ValueError:  # InputError included
        return None


def refuse_another_study(folder: Path, now: StudyRecord) -> None:
    """Make sure that a folder for results is empty, new, or the study's own.

    Args:
        now: the study that is to be written there.

    Raises:
        InputError: another study's results are there, be it of the same name.
    """
    try:
        written: Any = load_yaml((folder / result_files.STUDY).read_text(encoding="utf-8"))
        other = written["name"]
    except (OSError, LookupError, TypeError, ValueError, yaml.YAMLError):
        return  # nothing is there, or it is damaged, which writing it anew fixes
    if other != now.name:
        raise InputError(
            f"results {folder}: they belong to study {other!r}, not to {now.name!r}; "
            "choose another --results"
        )
    last = study_record(folder)
    if last and not now.is_edit_of(last):
        raise InputError(
            f"results {folder}: they belong to another study {other!r}, with no cell or trial in "
            "common; choose another --results, or rename one of the two"
        )


def keep_safe(folder: Path, plan: Plan) -> None:
    """Refuse to write over results that a study's store knows nothing of.

    Raises:
        InputError: the folder holds another study's results, or ended trials where the store has
            none at all.
    """
    refuse_another_study(folder, plan.slot.now)
    begun = any(state is not State.WAITING for state in plan.board.states.values())
    if not begun and _has_done(folder):
        raise InputError(
            f"store {plan.ledger.store.name}: it has none of the study's trials, but {folder} has "
            f"results; `maskgrid report {folder}` rebuilds everything from these"
        )


def _has_done(folder: Path) -> bool:
    try:
        return "done" in _record(folder / result_files.TRIALS, TRIALS)["state"].to_pylist()
    except InputError:
        return False
