"""Deletion of chosen trials, and of none that turned out to be needed meanwhile."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from model.errors import InputError
from orchestrator.store.inventory import Inventory, users_of
from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths, key_hash, ray_trial_folder
from orchestrator.store.store import Store
from orchestrator.store.study_registry import load_records
from orchestrator.store.trial_files import delete_trial


def delete_trials(
    ledger: Ledger, keys: Iterable[str], force: bool = False
) -> tuple[list[str], list[str]]:
    """Delete whole trials, with what Ray left of them.

    Each is held by a lease while it is deleted, so that no run begins it meanwhile. One that a run
    trains stays, and (without `force`) one that a study has asked for since it was chosen.

    Returns:
        The keys that were deleted, and files in their folders that are not maskgrid's and stay.

    Raises:
        InputError: a study's note cannot be read.
        StoreError: the store fails; the same call again finishes what was begun.
    """
    store, deleted, unknown = ledger.store, [], []
    ray_folders = _ray_folders(store)
    leases = Leases(store)
    with leases.renewed():
        held = [key for key in keys if leases.take(key)]
        asked_for = {} if force else load_records(store)
        for key in held:
            if not users_of(asked_for, key):
                unknown += delete_trial(store, key)
                for folder in ray_folders[key_hash(key)]:
                    store.delete_folder(folder)
                deleted.append(key)
            leases.drop(key)
    return deleted, unknown


def delete_ray_files(ledger: Ledger, inventory: Inventory) -> None:
    """Delete Ray's own folders in the store, TensorBoard's files among them.

    Raises:
        InputError: a run trains in the store.
    """
    if running := [key for key, trial in inventory.trials.items() if trial.state == "running"]:
        raise InputError(f"Ray's files are in use: trial {running[0]} is being trained")
    for folder in Paths.ray:
        ledger.store.delete_folder(folder)


def _ray_folders(store: Store) -> dict[str, set[str]]:
    """Folders that Ray Tune and Ray Train made for single trials, by the hash in their keys."""
    folders: dict[str, set[str]] = defaultdict(set)
    for name in chain.from_iterable(map(store.sizes, Paths.ray)):
        if trial := ray_trial_folder(name):
            hash_of_key, folder = trial
            folders[hash_of_key].add(folder)
    return folders
