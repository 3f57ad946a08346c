"""Which ready trials this run may start while other runs on the same store are at work too."""

import random
import time
from dataclasses import dataclass, field

from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger, Outcome

_ASKED_AGAIN_AFTER = 2.0, 4.0  # seconds; Tune asks many times a second


@dataclass
class RunCoordinator:
    """Takes a trial's lease before it is started, and finds out what others have trained."""

    ledger: Ledger
    leases: Leases
    _refused: dict[str, float] = field(default_factory=dict)
    """When trials that others are at work on may be asked for again."""

    def try_start(self, key: str) -> bool:
        """Whether this run may start the trial now; it then holds its lease."""
        if time.monotonic() < self._refused.get(key, 0.0):
            return False
        taken = self.leases.take(key)
        if taken and not self.ledger.outcome(key):
            self._refused.pop(key, None)
            return True
        # It ended between the making of the plan and now, or somebody trains it.
        self.release(key)
        # By chance, so that two runs which refused each other do not meet again.
        self._refused[key] = time.monotonic() + random.uniform(*_ASKED_AGAIN_AFTER)
        return False

    def release(self, key: str) -> None:
        """The trial ended here."""
        self.leases.drop(key)

    def finished_elsewhere(self) -> dict[str, Outcome]:
        """Trials that this run wanted and another has ended, each told once."""
        found = {key: self.ledger.outcome(key) for key in self._refused}
        ended = {key: outcome for key, outcome in found.items() if outcome}
        for key in ended:
            del self._refused[key]
        return ended
