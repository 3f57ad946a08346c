"""Whether a run is at work on a trial, by the lease that it renews."""

import datetime

from orchestrator.store import Paths, Store

_LIVE_SECONDS = 60


def held(store: Store, key: str) -> bool:
    """Whether the newest lease of a trial was renewed a short while ago."""
    names = store.names(Paths.leases(key))
    try:
        note = store.read_json(f"{Paths.leases(key)}/{names[-1]}") if names else None
        at = datetime.datetime.fromisoformat((note or {})["at"])
        age = datetime.datetime.now(datetime.UTC) - at
    except (KeyError, TypeError, ValueError):  # no lease, or none that can be read
        return False
    return age.total_seconds() < _LIVE_SECONDS
