"""A study's trials as its page shows them: one list, and trees of what goes into what."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """One trial: its record, who asks for it, and the last epoch's metrics."""

    record: dict[str, Any]
    cells: tuple[str, ...]
    stages: tuple[str, ...]
    metrics: dict[str, Any]
    """The trial's last row of epochs.parquet; empty before its first epoch has ended."""

    @property
    def key(self) -> str:
        """The trial's key."""
        return str(self.record["trial_key"])

    @property
    def inputs(self) -> dict[str, str]:
        """Role -> key."""
        return dict(self.record["inputs"])

    @property
    def state(self) -> str:
        """`waiting`, `running`, `done`, `failed` or `skipped`."""
        return str(self.record["state"])


@dataclass(frozen=True)
class Tree:
    """A trial and those that it goes into."""

    trial: ShownTrial
    children: tuple["Tree", ...]
    depth: int = 0
    """Number of trials above it."""

    def walk(self) -> Iterator["Tree"]:
        """This tree and all below it, from the top."""
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
    """Every trial under the one whose weights it starts from, else under another input.

    In the records' order; a trial with two inputs stands under one of them.
    """
    shown = _shown(records)
    keys = {trial.key for trial in shown}
    below: dict[str | None, list[ShownTrial]] = {}
    for trial in shown:
        inputs = [key for key in _weights_first(trial.inputs) if key in keys]
        below.setdefault(inputs[0] if inputs else None, []).append(trial)

    def grown(key: str | None, depth: int) -> tuple[Tree, ...]:
        return tuple(Tree(t, grown(t.key, depth + 1), depth) for t in below.get(key, []))

    return list(grown(None, 0))


def _weights_first(inputs: Mapping[str, str]) -> list[str]:
    return [inputs[role] for role in sorted(inputs, key=lambda role: role != "weights")]


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
    cells: dict[str, dict[str, None]] = {}
    stages: dict[str, dict[str, None]] = {}
    for row in records.cells.to_pylist():
        cells.setdefault(row["trial_key"], {})[row["cell"]] = None
        stages.setdefault(row["trial_key"], {})[row["stage"]] = None
    last = last_rows(records.epochs)
    return [
        ShownTrial(row, tuple(cells.get(key, ())), tuple(stages.get(key, ())), last.get(key, {}))
        for row in records.trials.to_pylist()
        if (key := row["trial_key"])
    ]
