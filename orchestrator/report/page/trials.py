"""A study's trials as its page shows them: one list, and the trees of which starts from which."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.report.records.collect import Records
from orchestrator.report.records.epoch_selection import last_rows

STATES = {"done": "✓", "failed": "✕", "skipped": "⊘", "running": "◐", "waiting": "○"}
"""Every state with a sign of its own, so that colour is not all that tells them apart."""

TREES_AT_ONCE = 40
"""More trees than this are folded away, this many at a time."""


@dataclass(frozen=True)
class ShownTrial:
    """One trial: its record, the cells that ask for it, and the last epoch's metrics."""

    record: dict[str, Any]
    cells: tuple[str, ...]
    metrics: dict[str, Any]
    """The trial's last row of epochs.parquet; empty before its first epoch has ended."""

    @property
    def key(self) -> str:
        """The trial's key."""
        return str(self.record["trial_key"])

    @property
    def state(self) -> str:
        """`waiting`, `running`, `done`, `failed` or `skipped`."""
        return str(self.record["state"])


@dataclass(frozen=True)
class Tree:
    """A trial and those that start from it."""

    trial: ShownTrial
    children: tuple["Tree", ...]
    depth: int = 0
    """Number of trials between it and fresh weights."""

    def walk(self) -> Iterator["Tree"]:
        """This tree and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Block:
    """Trees that stand or fold together; `first` and `last` count from 1."""

    first: int
    last: int
    trees: tuple[Tree, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Trials by state."""
        return counts(node.trial for tree in self.trees for node in tree.walk())


def trees(records: Records) -> list[Tree]:
    """Every trial under the one it starts from, in the records' order."""
    shown = _shown(records)
    keys = {trial.key for trial in shown}
    below: dict[str | None, list[ShownTrial]] = {}
    for trial in shown:
        parent = trial.record["parent_key"]
        below.setdefault(parent if parent in keys else None, []).append(trial)

    def grown(key: str | None, depth: int) -> tuple[Tree, ...]:
        return tuple(Tree(t, grown(t.key, depth + 1), depth) for t in below.get(key, []))

    return list(grown(None, 0))


def blocks(shown: Sequence[Tree]) -> list[Block]:
    """The trees in portions that a reader can unfold one by one."""
    starts = range(0, len(shown), TREES_AT_ONCE)
    portions = [(start, tuple(shown[start : start + TREES_AT_ONCE])) for start in starts]
    return [Block(start + 1, start + len(some), some) for start, some in portions]


def counts(trials: Iterable[ShownTrial]) -> dict[str, int]:
    """Trials by state, in the order of STATES; states that no trial is in are left out."""
    numbers = Counter(trial.state for trial in trials)
    return {state: numbers[state] for state in STATES if numbers[state]}


def _shown(records: Records) -> list[ShownTrial]:
    cells_of: dict[str, dict[str, None]] = {}
    for cell in records.cells.to_pylist():
        for key in filter(None, (cell["pretrain_key"], cell["finetune_key"])):
            cells_of.setdefault(key, {})[cell["cell"]] = None
    last = last_rows(records.epochs)
    return [
        ShownTrial(row, tuple(cells_of.get(row["trial_key"], ())), last.get(row["trial_key"], {}))
        for row in records.trials.to_pylist()
    ]
