"""A study file read and checked: its form, then its recipes, every mistake at once."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from model.errors import InputError
from model.plain_text import decode_text
from orchestrator.study.checks import find_mistakes
from orchestrator.study.spec import StudyError, StudySpec
from orchestrator.study.validation_messages import validation_mistakes
from orchestrator.study.yaml_loader import load_yaml


def read_study(path: Path, data: Path | None = None) -> StudySpec:
    """Read and check a study file.

    Args:
        data: path of the images, instead of the one in the file.

    Raises:
        StudyError: the file is missing, is not YAML, or says something that is not understood.
        InputError: `data` is given for images that are not read from files.
    """
    try:
        raw = load_yaml(decode_text(path.read_bytes()))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StudyError(str(path), [_one_line(error)]) from None
    if data is not None and isinstance(raw, dict):
        _set_data_path(raw, data)
    return parse_study(raw, str(path))


def _set_data_path(raw: dict[str, Any], path: Path) -> None:
    images = raw.get("data", {"source": "synthetic"})
    if not isinstance(images, dict):
        return  # a mistake of the file
    if images.get("source") == "synthetic":
        raise InputError(f"--data {path}: the study's images are synthetic, not read from files")
    images["path"] = str(path)


def parse_study(raw: Any, source: str) -> StudySpec:
    """A study from a parsed YAML document.

    Args:
        source: the file's name, for messages.

    Raises:
        StudyError: it says something that is not understood.
    """
    if not isinstance(raw, dict):
        raise StudyError(source, [f"a mapping of study fields was expected, not {raw!r}"])
    try:
        study = _validated(raw)
    except ValidationError as error:
        mistakes = validation_mistakes(StudySpec, raw, error) + _mistakes_elsewhere(raw, error)
        raise StudyError(source, mistakes) from None
    if mistakes := find_mistakes(study):
        raise StudyError(source, mistakes)
    return study


def _validated(raw: dict[str, Any]) -> StudySpec:
    # Strict JSON: no "3" for 3 and no true for 1, yet lists may fill tuples.
    return StudySpec.model_validate_json(json.dumps(raw, default=str), strict=True)


def _mistakes_elsewhere(raw: dict[str, Any], error: ValidationError) -> list[str]:
    """Mistakes that only recipes show, in the sections whose form is right."""
    wrong = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
    if wrong & {"data", "model"} or not wrong:
        return []  # every recipe depends on them
    rest = {"name": "unnamed"} | {key: raw[key] for key in raw if key not in wrong}
    try:
        return find_mistakes(_validated(rest))
    except ValidationError:
        return []  # a section that is right only beside the others


def _one_line(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"line {line}: not UTF-8 text; save the file as UTF-8"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((reason or type(error).__name__).split())
