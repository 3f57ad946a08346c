"""One fault against one study, and what became of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaos.faults import Fault
from chaos.study_under_test import StudyUnderTest


@dataclass(frozen=True)
class FaultResult:
    """The outcome of a study that a fault was injected into."""

    fault: str
    where: str
    survived: bool
    """The study ended with exit code 0 and every trial done."""
    equal: bool
    """Tables and weights have the bytes of the undisturbed run's."""
    trained_twice: int
    """Times a trial was started after it had ended well."""
    epochs_repeated: int
    """Epochs on record at the fault that were trained again."""
    seconds_lost: float
    """Wall time beyond the undisturbed run's."""

    @property
    def good(self) -> bool:
        """Whether nothing was lost but time, and at most one epoch."""
        whole = self.survived and self.equal and not self.trained_twice
        return whole and self.epochs_repeated <= 1


@dataclass(frozen=True)
class Undisturbed:
    """The outcome of the study when nothing happens."""

    tables: dict[str, bytes]
    seconds: float


def undisturbed(arena: StudyUnderTest) -> Undisturbed:
    """Run the study to its end.

    Raises:
        RuntimeError: even so it does not succeed.
    """
    began = time.monotonic()
    if arena.start().wait():
        raise RuntimeError(f"the undisturbed study failed: {arena.log()[-2000:]}")
    return Undisturbed(arena.tables(), time.monotonic() - began)


def inject(fault: Fault, arena: StudyUnderTest, expected: Undisturbed, where: str) -> FaultResult:
    """Run the study with a fault, to its end."""
    began = time.monotonic()
    code = fault(arena, arena.start()).wait()
    survived = code == 0 and len(arena.outcomes()) == len(arena.keys)
    return FaultResult(
        fault=title(fault),
        where=where,
        survived=survived,
        equal=survived and arena.tables() == expected.tables,
        trained_twice=sum(_after_its_end(arena, key) for key in arena.keys),
        epochs_repeated=sum(_repeated(arena, key) for key in arena.keys),
        seconds_lost=round(time.monotonic() - began - expected.seconds, 1),
    )


def title(fault: Callable[..., Any]) -> str:
    """What a fault is called in the table."""
    return " ".join((fault.__doc__ or "").split()).rstrip(".")


def _after_its_end(arena: StudyUnderTest, key: str) -> int:
    outcome = arena.ledger.outcome(key)
    starts = [note["started_at"] for note in arena.ledger.notes(key)]
    return sum(outcome is not None and start > outcome.finished_at for start in starts)


def _repeated(arena: StudyUnderTest, key: str) -> int:
    """Over all moments before a fault: epochs on record then that a later start did again."""
    repeated = 0
    for mark in arena.marks:
        later = [
            note["from_epoch"] for note in arena.ledger.notes(key) if note["started_at"] > mark.at
        ]
        repeated += max(0, mark.rows[key] - later[0]) if later else 0
    return repeated
