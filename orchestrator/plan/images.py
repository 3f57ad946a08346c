"""Images of a study and of its stages: found, and told apart by their fingerprints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from model.config.images import DataConfig
from model.data.load import survey
from model.errors import InputError
from orchestrator.study.sections import complete, sections_of
from orchestrator.study.spec import StudySpec

_DATA: TypeAdapter[DataConfig] = TypeAdapter(DataConfig)


def located(study: StudySpec) -> StudySpec:
    """The study with full paths of its images: workers have another current folder."""
    changed = _with_stage_data(study, lambda stage, own: _absolute(own))
    if study.data.source == "synthetic":
        return changed
    path = study.data.path.expanduser().absolute()
    return changed.model_copy(update={"data": study.data.model_copy(update={"path": path})})


def with_images(study: StudySpec, strict: bool) -> tuple[StudySpec, tuple[str, ...], str | None]:
    """Find all images.

    Args:
        strict: False goes on without images whose path does not exist.

    Returns:
        The study with the fingerprints of its images, notes on them, and why keys are provisional.

    Raises:
        InputError: images are missing or not usable.
    """
    data, notes, warning = _surveyed(study.data, strict)
    study = study.model_copy(update={"data": data})
    sections = complete(study, sections_of(study))

    def with_fingerprint(stage: str, own: dict[str, Any]) -> dict[str, Any]:
        nonlocal notes, warning
        found, more, problem = _surveyed(_DATA.validate_python(sections[stage]["data"]), strict)
        notes, warning = (*notes, *more), warning or problem
        return {**own, "fingerprint": found.fingerprint}

    return _with_stage_data(study, with_fingerprint), tuple(dict.fromkeys(notes)), warning


def _with_stage_data(
    study: StudySpec, change: Callable[[str, dict[str, Any]], dict[str, Any]]
) -> StudySpec:
    """The study with something done to the images of each stage that has its own."""
    own = {name: stage for name, stage in study.stages.items() if stage.data}
    if not own:
        return study
    changed = {
        name: stage.model_copy(update={"data": change(name, stage.data)})
        for name, stage in own.items()
    }
    return study.model_copy(update={"stages": {**study.stages, **changed}})


def _absolute(own: dict[str, Any]) -> dict[str, Any]:
    if "path" not in own:
        return own
    return {**own, "path": str(Path(own["path"]).expanduser().absolute())}


def _surveyed(data: DataConfig, strict: bool) -> tuple[DataConfig, tuple[str, ...], str | None]:
    try:
        return *survey(data), None
    except InputError as error:
        if strict or data.source == "synthetic" or data.path.exists():
            raise
        return data, (), str(error)
