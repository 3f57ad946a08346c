"""Inventory of a store: trials, their sizes, the studies that use them."""

import difflib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from model.errors import InputError
from orchestrator.store.leases import is_held
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths, trial_and_file
from orchestrator.store.store import Store
from orchestrator.store.study_registry import StudyRecord, load_records
from orchestrator.store.trial_files import deletion_rank

TrialState = Literal["done", "failed", "running", "unfinished"]


@dataclass(frozen=True)
class StoredTrial:
    """One trial as the store holds it."""

    key: str
    state: TrialState
    bytes: int
    """Size of its files."""
    weights_bytes: int | None
    """Of it, final weights; None where there are none."""
    used_by: tuple[str, ...]
    """Labels of the studies that asked for it when they last ran."""

    @property
    def task(self) -> str:
        """`restore` or `classify`; of older trials `pretrain` or `finetune`."""
        return self.key.partition("-")[0]


@dataclass(frozen=True)
class Inventory:
    """Everything that a store holds."""

    trials: dict[str, StoredTrial]
    studies: tuple[str, ...]
    """Labels of the studies that the store records."""
    ray_bytes: int
    """Size of what Ray left: state that is never read again, and TensorBoard's curves."""

    def select(self, keys: Iterable[str], force: bool) -> list[StoredTrial]:
        """The trials of some keys, all of which may be deleted.

        Args:
            force: let go what a study uses, too.

        Raises:
            InputError: a key is not there, is being trained, or is used and `force` was not given.
        """
        found = [self._trial(key) for key in dict.fromkeys(keys)]
        for trial in found:
            if trial.state == "running":
                raise InputError(f"trial {trial.key} is being trained")
            if trial.used_by and not force:
                studies = ", ".join(trial.used_by)
                raise InputError(
                    f"trial {trial.key} is used by {studies}; --force deletes it all the same, "
                    "and the study trains it again"
                )
        return found

    @property
    def unused(self) -> list[StoredTrial]:
        """Trials that no study uses and no run trains."""
        trials = self.trials.values()
        return [trial for trial in trials if not trial.used_by and trial.state != "running"]

    def _trial(self, key: str) -> StoredTrial:
        if key not in self.trials:
            near = difflib.get_close_matches(key, self.trials, n=3, cutoff=0.6)
            raise InputError(f"no trial {key!r} in the store; nearest: {', '.join(near) or 'none'}")
        return self.trials[key]


def open_store(uri: str) -> Ledger:
    """The ledger of a store that is there.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    store = Store(uri)
    store.check(existing=True)
    return Ledger(store)


def take_inventory(ledger: Ledger) -> Inventory:
    """Look through a store.

    Raises:
        InputError: a study's note cannot be read.
    """
    notes = load_records(ledger.store)
    sizes = _sizes_by_key(ledger.store)
    trials = {key: _stored(ledger, key, sizes[key], notes) for key in sorted(sizes)}
    ray = sum(sum(ledger.store.sizes(folder).values()) for folder in Paths.ray)
    return Inventory(trials, tuple(notes), ray)


def _stored(
    ledger: Ledger, key: str, sizes: dict[str, int], notes: dict[str, StudyRecord]
) -> StoredTrial:
    outcome = ledger.outcome(key)
    state: TrialState = outcome.state if outcome else "unfinished"
    if is_held(ledger.store, key):
        state = "running"
    weights = sizes.get(Paths.weights(key))
    return StoredTrial(key, state, sum(sizes.values()), weights, users_of(notes, key))


def users_of(notes: dict[str, StudyRecord], key: str) -> tuple[str, ...]:
    """Labels of the studies that use a trial."""
    return tuple(label for label, note in notes.items() if key in note.trials)


def _sizes_by_key(store: Store) -> dict[str, dict[str, int]]:
    """Files and their sizes of every folder that holds a trial; other folders are not ours."""
    sizes: dict[str, dict[str, int]] = defaultdict(dict)
    for name, size in store.sizes(Paths.trials).items():
        place = trial_and_file(name)
        if place and deletion_rank(place[1]) is not None:
            sizes[place[0]][name] = size
    return dict(sizes)
