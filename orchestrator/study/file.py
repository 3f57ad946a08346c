"""Reading a study file: its form, then what only its recipes show, every mistake at once."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from model.errors import InputError
from orchestrator.study.recipes import mistakes
from orchestrator.study.spec import StudyError, StudySpec
from orchestrator.study.validation_messages import validation_mistakes
from orchestrator.study.yaml_loader import load_yaml


def read(path: Path, data: Path | None = None) -> StudySpec:
    """Read and check a study file.

    Args:
        data: path of the images, instead of the one in the file.

    Raises:
        StudyError: the file is missing, is not YAML, or says something that is not understood.
        InputError: `data` is given for images that are not read from files.
    """
    try:
        raw = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(str(path), [_one_line(error)]) from None
    if data is not None and isinstance(raw, dict):
        _set_data_path(raw, data)
    return parse(raw, str(path))


def _set_data_path(raw: dict[str, Any], path: Path) -> None:
    images = raw.get("data", {"source": "synthetic"})
    if not isinstance(images, dict):
        return  # a mistake of the file
    if images.get("source") == "synthetic":
        raise InputError(f"--data {path}: the study's images are synthetic, not read from files")
    images["path"] = str(path)


def parse(raw: Any, source: str) -> StudySpec:
    """A study from what was read of a file.

    Args:
        source: the file's name, for what is said of it.

    Raises:
        StudyError: it says something that is not understood.
    """
    if not isinstance(raw, dict):
        raise StudyError(source, [f"a mapping of study fields was expected, found {raw!r}"])
    try:
        # Strict JSON: no "3" for 3 and no true for 1, yet lists may fill tuples.
        study = StudySpec.model_validate_json(json.dumps(raw, default=str), strict=True)
    except ValidationError as error:
        told = validation_mistakes(StudySpec, raw, error) + _beyond(raw, error)
        raise StudyError(source, told) from None
    if found := mistakes(study):
        raise StudyError(source, found)
    return study


def _beyond(raw: dict[str, Any], error: ValidationError) -> list[str]:
    """What is wrong beyond its form with the sections whose form is right."""
    wrong = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
    if wrong & {"data", "model"} or not wrong:
        return []  # what fits together depends on them
    rest = {"name": "unnamed"} | {key: raw[key] for key in raw if key not in wrong}
    try:
        return mistakes(StudySpec.model_validate_json(json.dumps(rest, default=str), strict=True))
    except ValidationError:
        return []  # a section that is right only beside the others


def _one_line(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((reason or type(error).__name__).split())
