"""Placement groups that a dead Train controller still holds.

Ray keeps a controller's placement group, with the workers in it, until the whole job ends: Ray's
own cleaner asks the dashboard whether the controller lives, which a cluster need not have. A trial
that starts again would wait for CPUs that nobody uses.
"""

import ray
from ray.util.placement_group import (
    PlacementGroup,
    get_current_placement_group,
    remove_placement_group,
)

from orchestrator.store.ledger import Ledger


def current_group_id() -> str | None:
    """ID of the placement group that the calling worker is in, for the note of its start."""
    group = get_current_placement_group()
    return group.id.hex() if group else None


def remove_stale_groups(ledger: Ledger, key: str) -> None:
    """Remove the groups of earlier starts of a trial, none of which is alive any more."""
    for note in ledger.notes(key):
        name = note.get("placement_group")
        if isinstance(name, str):
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(bytes.fromhex(name))))
