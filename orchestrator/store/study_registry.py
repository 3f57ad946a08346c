"""Registry of studies: the cells and trials of each as it last ran, kept beside the trials.

It shows which trials are still of use, and what an edit of the study file changes. Nothing is
trained or read by it: a store without these records works as well.
"""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError, model_validator

from model.config.base import Config
from model.errors import InputError
from orchestrator.store.paths import Paths, study_label
from orchestrator.store.store import Store
from orchestrator.study.graph import RECIPE_VERSION, TrialGraph
from orchestrator.study.runtime import KeepWeights
from orchestrator.study.spec import StudySpec
from orchestrator.study.stages import Slug


class RecordedCell(Config):
    """The trials that one cell asked for at one seed."""

    cell: str
    seed: int
    keys: dict[str, str]
    """Keys of the cell's trials by stage, inputs first; a stage that it lacks is left out."""

    @model_validator(mode="before")
    @classmethod
    def _of_two_stages(cls, given: Any) -> Any:
        """Read records from before studies were graphs."""
        if not isinstance(given, dict) or "finetune" not in given:
            return given
        keys = {stage: given[stage] for stage in ("pretrain", "finetune") if given.get(stage)}
        return {"cell": given["cell"], "seed": given["seed"], "keys": keys}


class RecordedTrial(Config):
    """Recipe of one trial, without the path of its images."""

    recipe: dict[str, Any]
    inputs: dict[str, str] = Field(default_factory=dict)
    """Role -> key."""

    @model_validator(mode="before")
    @classmethod
    def _of_one_parent(cls, given: Any) -> Any:
        """Read records from before trials had inputs by role."""
        if not isinstance(given, dict) or "parent" not in given:
            return given
        parent = given["parent"]
        return {"recipe": given["recipe"], "inputs": {"weights": parent} if parent else {}}


class StudyRecord(Config):
    """One study as it last ran."""

    name: Slug
    recipe_version: int
    keep_weights: KeepWeights
    cells: tuple[RecordedCell, ...]
    trials: dict[str, RecordedTrial]
    """Every trial of the graph, inputs included, by its key."""

    def trials_of(self, cell: RecordedCell) -> dict[str, RecordedTrial]:
        """Trials of one of its cells at one seed, by stage."""
        return {stage: self.trials[key] for stage, key in cell.keys.items()}

    def is_edit_of(self, other: "StudyRecord") -> bool:
        """Whether the two can be one study before and after an edit.

        They share a cell or a trial. Or they have the same axes, and train the same but for the
        images, the seed and the number of epochs: images, epochs and arms may change at once.
        """
        ours, theirs = ({cell.cell for cell in record.cells} for record in (self, other))
        if (ours & theirs) - {"baseline"}:  # every study has a baseline
            return True
        if self.trials.keys() & other.trials.keys() or not ours or not theirs:
            return True
        return self._axes == other._axes and bool(self._methods & other._methods)

    @property
    def fingerprints(self) -> set[str | None]:
        """Content of the images of its trials."""
        return {trial.recipe.get("data", {}).get("fingerprint") for trial in self.trials.values()}

    @property
    def _axes(self) -> set[str]:
        """Names in the cells of the grid, such as `mask_ratio=0.4,patch_size=4`."""
        values = (part.partition("=") for cell in self.cells for part in cell.cell.split(","))
        return {axis for axis, equals, _ in values if equals}

    @property
    def _methods(self) -> set[str]:
        """The trials' recipes without their images, seeds and numbers of epochs."""
        return {_method(trial.recipe) for trial in self.trials.values()}


def _method(recipe: dict[str, Any]) -> str:
    train = {k: v for k, v in recipe.get("train", {}).items() if k not in ("epochs", "schedule")}
    rest = {k: v for k, v in recipe.items() if k not in ("data", "seed")}
    return json.dumps({**rest, "train": train}, sort_keys=True)


def record_of(study: StudySpec, graph: TrialGraph) -> StudyRecord:
    """The record of a study as it is now."""
    return StudyRecord(
        name=study.name,
        recipe_version=RECIPE_VERSION,
        keep_weights=study.runtime.keep_weights,
        cells=tuple(
            RecordedCell(cell=asked.cell.name, seed=asked.seed, keys=dict(asked.trials))
            for asked in graph.cells
        ),
        trials={
            key: RecordedTrial(recipe=trial.recipe.public(), inputs=trial.inputs)
            for key, trial in graph.trials.items()
        },
    )


def study_labels(store: Store) -> list[str]:
    """Labels of the recorded studies: their names, with `~2` where two share one."""
    return [label for file in store.names(Paths.studies) if (label := study_label(file))]


def load_record(store: Store, label: str) -> StudyRecord:
    """The study recorded under a label.

    Raises:
        InputError: there is none, or its record cannot be read.
    """
    content = store.read(Paths.study(label))
    try:
        return StudyRecord.model_validate_json(content or b"")
    except ValidationError:
        raise InputError(
            f"store {store.name}: {Paths.study(label)} cannot be read, so its trials are "
            f"unknown; run that study again, or `maskgrid store forget {label}`"
        ) from None


def load_records(store: Store) -> dict[str, StudyRecord]:
    """Every study that the store records, by label.

    Raises:
        InputError: one of them cannot be read.
    """
    return {label: load_record(store, label) for label in study_labels(store)}


def load_readable(store: Store) -> dict[str, StudyRecord | None]:
    """As `load_records`, for those who go on without: None where a record cannot be read."""
    return {label: _readable(store, label) for label in study_labels(store)}


@dataclass(frozen=True)
class Slot:
    """Place of a study in a store's registry."""

    label: str
    last: StudyRecord | None
    """The study as it last ran here; None for its first run."""
    now: StudyRecord


def slot_for(store: Store, now: StudyRecord) -> Slot:
    """The label that belongs to a study, with what stands there from its last run.

    Another study that happens to have the same name keeps its own record; one that cannot be read
    may be replaced.
    """
    records = load_readable(store)
    namesakes = {label: records[label] for label in records if _name_in(label) == now.name}
    for label, last in namesakes.items():
        if last and now.is_edit_of(last):
            return Slot(label, last, now)
    taken = {label for label, last in namesakes.items() if last}
    return Slot(_free_label(now.name, taken), None, now)


def _name_in(label: str) -> str:
    return label.partition("~")[0]


def _free_label(name: str, taken: set[str]) -> str:
    numbered = (f"{name}~{number}" for number in itertools.count(2))
    return next(label for label in itertools.chain([name], numbered) if label not in taken)


def save_record(store: Store, slot: Slot) -> None:
    """Record a study as it is now, in place of how it last ran."""
    if _readable(store, slot.label) != slot.last:  # another run wrote there since we looked
        slot = slot_for(store, slot.now)
    store.write(Paths.study(slot.label), slot.now.model_dump_json().encode())


def forget_study(store: Store, label: str) -> StudyRecord | None:
    """Remove a study's record, and return it if it could be read; no trial is touched.

    Raises:
        InputError: no study is recorded under the label.
    """
    if label not in study_labels(store):
        known = ", ".join(study_labels(store)) or "none"
        raise InputError(f"store {store.name}: no study {label!r}; recorded: {known}")
    note = _readable(store, label)
    store.delete(Paths.study(label))
    return note


def _readable(store: Store, label: str) -> StudyRecord | None:
    try:
        return load_record(store, label)
    except InputError:
        return None
