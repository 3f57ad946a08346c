"""Deleting one trial so that a crash at any moment leaves no trial that looks better than it is.

The order is that of `paths.DELETION_ORDER`. Only files that maskgrid itself writes are deleted.
"""

import re

from orchestrator.store.paths import DELETION_ORDER, Paths, written_in_part
from orchestrator.store.store import Store


def deletion_rank(name: str) -> int | None:
    """When a file of a trial's folder is to be deleted, from 0; None if it is none of maskgrid's.

    Args:
        name: relative to the trial's folder.
    """
    for place, pattern in enumerate(DELETION_ORDER):
        if re.fullmatch(pattern, name):
            return place
    whole = written_in_part(name)
    # What a write that was cut off leaves can go as soon as the outcome has gone.
    return 1 if whole and deletion_rank(whole) is not None else None


def delete_trial(store: Store, key: str) -> list[str]:
    """Delete what maskgrid wrote of a trial; returns files in its folder that are not maskgrid's.

    To call it again after a crash finishes what was begun.
    """
    folder = f"{Paths.trial(key)}/"
    ranks = {
        name: deletion_rank(name.removeprefix(folder)) for name in store.sizes(folder.rstrip("/"))
    }
    ours = [(place, name) for name, place in ranks.items() if place is not None]
    for _, name in sorted(ours):
        store.delete(name)
    unknown = [name for name, place in ranks.items() if place is None]
    if not unknown and not store.sizes(Paths.trial(key)):
        store.delete_folder(Paths.trial(key))
    return sorted(unknown)
