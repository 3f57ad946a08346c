"""Progress of a study while it runs: states, epochs, latest losses, time left.

Everything comes from the board and the ledger, so nothing here knows of Ray.
"""

import statistics
import time
from collections import Counter, defaultdict

from model.epoch_row import EpochRow
from orchestrator.plan.board import Board, State
from orchestrator.store.ledger import Ledger

_FINISHED = (State.DONE, State.CACHED)
OPEN = (State.WAITING, State.RUNNING)
"""States of trials that something is still to be done about."""


class Progress:
    """A study as it was at the last `look`.

    Args:
        concurrent: trials at once, for the estimate of the time left.
    """

    def __init__(self, name: str, board: Board, ledger: Ledger, concurrent: int) -> None:
        self.name = name
        self.board = board
        """May be replaced by a newer one of the same graph."""
        self.states: dict[str, State] = dict(board.states)
        self.cells = {key: board.graph.names_of(key)[0] for key in board.graph.trials}
        """Name of each trial's first cell."""
        self._ledger, self._concurrent = ledger, concurrent
        self._began = time.monotonic()
        self._rows: dict[str, list[EpochRow]] = {}

    def look(self) -> None:
        """Read where the trials stand, and the rows of those that may have new ones."""
        states = dict(self.board.states)
        for key, state in states.items():
            # A trial that ended keeps the rows it ended with, one that waits those of before.
            unread = key not in self._rows and state is not State.SKIPPED
            before = self.states[key]
            if unread or state is not before or State.RUNNING in (state, before):
                self._rows[key] = self._ledger.peek_rows(key)
        self.states = states

    @property
    def counts(self) -> dict[State, int]:
        """Trials in each state that any trial is in, in the order of the states."""
        counts = Counter(self.states.values())
        return {state: counts[state] for state in State if counts[state]}

    @property
    def seconds(self) -> float:
        """Since this run, or this look at another one, began."""
        return time.monotonic() - self._began

    def in_state(self, state: State) -> list[str]:
        """Keys of the trials in a state."""
        return [key for key, now in self.states.items() if now is state]

    def epochs_of(self, key: str) -> tuple[int, int]:
        """Epochs of a trial that are trained, and all of them."""
        epochs = self.board.graph.trials[key].recipe.train.epochs
        finished = self.states[key] in _FINISHED
        return epochs if finished else len(self._rows.get(key, ())), epochs

    def epochs(self) -> tuple[int, int]:
        """Epochs that are trained, and all that will be."""
        lost = (State.FAILED, State.SKIPPED)
        each = [self.epochs_of(key) for key, state in self.states.items() if state not in lost]
        return sum(done for done, _ in each), sum(total for _, total in each)

    def seconds_left(self) -> float:
        """Epochs to come times what an epoch of their task took, over the trials at once.

        0 if nothing is left, or nothing is known yet.
        """
        seconds = self._epoch_seconds()
        if not seconds:
            return 0.0
        overall = statistics.fmean(value for values in seconds.values() for value in values)
        means = {task: statistics.fmean(values) for task, values in seconds.items()}
        left = 0.0
        for key, state in self.states.items():
            if state in OPEN:
                done, total = self.epochs_of(key)
                left += (total - done) * means.get(self.board.graph.trials[key].task, overall)
        return left / self._concurrent

    def _epoch_seconds(self) -> dict[str, list[float]]:
        """Seconds of every epoch on record, by task."""
        seconds: dict[str, list[float]] = defaultdict(list)
        for key, rows in self._rows.items():
            if rows:
                task = self.board.graph.trials[key].task
                seconds[task] += [row.train_seconds + row.eval_seconds for row in rows]
        return seconds

    def latest(self, key: str) -> str:
        """A trial's latest validation loss and accuracy as text; empty before its first epoch."""
        rows = self._rows.get(key)
        if not rows:
            return ""
        accuracy = rows[-1].val_accuracy
        shown = "" if accuracy is None else f", val accuracy {accuracy:.1%}"
        return f"val loss {rows[-1].val_loss:.4f}{shown}"
