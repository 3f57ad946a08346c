"""What each study asked for when it last ran, kept in the store beside the trials.

It tells which trials are still of use, and what an edit of the study file changes. Nothing is
trained or read by it: a store without these notes works as well.
"""

import itertools
from typing import Any

from pydantic import ValidationError

from model.config.base import Config
from model.errors import InputError
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.graph import RECIPE_VERSION, TrialGraph
from orchestrator.study.runtime import KeepWeights
from orchestrator.study.spec import Slug, StudySpec


class RecordedCell(Config):
    """The trials that one cell asked for at one seed."""

    cell: str
    seed: int
    pretrain: str | None
    finetune: str


class RecordedTrial(Config):
    """What was asked of one trial; where its images lay is left out."""

    parent: str | None
    recipe: dict[str, Any]


class StudyRecord(Config):
    """One study as it last ran."""

    name: Slug
    recipe_version: int
    keep_weights: KeepWeights
    cells: tuple[RecordedCell, ...]
    trials: dict[str, RecordedTrial]
    """Every trial of the graph, parents included, by its key."""

    def shares_trials_with(self, other: "StudyRecord") -> bool:
        """Whether the two can be one study before and after an edit: they share a cell or a trial.

        Every study has the same baseline, so that one tells nothing.
        """
        ours, theirs = ({asked.cell for asked in one.cells} for one in (self, other))
        shared = (ours & theirs) - {"baseline"} or self.trials.keys() & other.trials.keys()
        return bool(shared or not ours or not theirs)


def record_of(study: StudySpec, graph: TrialGraph) -> StudyRecord:
    """What a study asks for now."""
    return StudyRecord(
        name=study.name,
        recipe_version=RECIPE_VERSION,
        keep_weights=study.runtime.keep_weights,
        cells=tuple(
            RecordedCell(cell=a.cell.name, seed=a.seed, pretrain=a.pretrain, finetune=a.finetune)
            for a in graph.cells
        ),
        trials={
            key: RecordedTrial(
                parent=trial.parent,
                recipe=trial.recipe.public(),
            )
            for key, trial in graph.trials.items()
        },
    )


def labels(store: Store) -> list[str]:
    """Under which labels studies are remembered: their names, with `~2` where two share one."""
    names = store.names(Paths.studies)
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def load(store: Store, label: str) -> StudyRecord:
    """What is remembered under a label.

    Raises:
        InputError: nothing is, or it cannot be read.
    """
    content = store.read(Paths.study(label))
    try:
        return StudyRecord.model_validate_json(content or b"")
    except ValidationError:
        raise InputError(
            f"store {store.name}: {Paths.study(label)} cannot be read, so nobody knows which "
            f"trials it uses; run that study again, or `maskgrid store forget {label}`"
        ) from None


def load_all(store: Store) -> dict[str, StudyRecord]:
    """Every study that the store remembers, by label.

    Raises:
        InputError: one of them cannot be read.
    """
    return {label: load(store, label) for label in labels(store)}


def load_readable(store: Store) -> dict[str, StudyRecord | None]:
    """As `load_all`, for those who go on without: None where a note cannot be read."""
    return {label: _readable(store, label) for label in labels(store)}


def slot_for(store: Store, note: StudyRecord) -> tuple[str, StudyRecord | None]:
    """The label that a study's note belongs under, and what stands there from its last run.

    Another study that happens to have the same name keeps its own note; one that cannot be read
    may be replaced.
    """
    notes = load_readable(store).items()
    found = {label: last for label, last in notes if label.partition("~")[0] == note.name}
    for label, last in found.items():
        if last and last.shares_trials_with(note):
            return label, last
    free = (note.name + (f"~{n}" if n > 1 else "") for n in itertools.count(1))
    return next(label for label in free if not found.get(label)), None


def save(store: Store, note: StudyRecord) -> None:
    """Note what a study asks for now, in place of what it asked for last."""
    label, _ = slot_for(store, note)
    store.write(Paths.study(label), note.model_dump_json().encode())


def forget(store: Store, label: str) -> StudyRecord | None:
    """Remove a study's note, and return it if it could be read; no trial is touched.

    Raises:
        InputError: no study is remembered under the label.
    """
    if label not in labels(store):
        known = ", ".join(labels(store)) or "none"
        raise InputError(f"store {store.name}: no study {label!r}; remembered: {known}")
    note = _readable(store, label)
    store.delete(Paths.study(label))
    return note


def _readable(store: Store, label: str) -> StudyRecord | None:
    try:
        return load(store, label)
    except InputError:
        return None
