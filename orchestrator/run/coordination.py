"""Coordination with other runs on the same store: a trial is trained by one of them."""

import random
import time
from dataclasses import dataclass, field

from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger, Outcome

_RETRY_AFTER = 2.0, 4.0  # seconds; Tune asks many times a second


@dataclass
class RunCoordinator:
    """Takes a trial's lease before it is started, and notices what others have trained."""

    ledger: Ledger
    leases: Leases
    _refused: dict[str, float] = field(default_factory=dict)
    """When a trial that could not be started may be tried again, by the monotonic clock."""

    def try_start(self, key: str) -> bool:
        """Take the trial's lease; False if another run holds it, or the trial has ended."""
        if time.monotonic() < self._refused.get(key, 0.0):
            return False
        taken = self.leases.take(key)
        if taken and not self.ledger.outcome(key):
            self._refused.pop(key, None)
            return True
        # It ended between the making of the plan and now, or somebody trains it.
        self.release(key)
        # By chance, so that two runs which refused each other do not meet again.
        self._refused[key] = time.monotonic() + random.uniform(*_RETRY_AFTER)
        return False

    def release(self, key: str) -> None:
        """Give the trial's lease back: it ended here, or is not to be started."""
        self.leases.drop(key)

    def waited_for(self) -> dict[str, str]:
        """Trials that other runs hold, and who holds each, in words."""
        return {key: self.leases.holder(key) for key in self._refused}

    def finished_elsewhere(self) -> dict[str, Outcome]:
        """Trials that this run wanted and another has ended, each of them once."""
        outcomes = {key: self.ledger.outcome(key) for key in self._refused}
        ended = {key: outcome for key, outcome in outcomes.items() if outcome}
        for key in ended:
            del self._refused[key]
        return ended
