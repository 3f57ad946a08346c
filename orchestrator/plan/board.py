"""Where every trial of a graph stands: what is done, what runs, and what is ready."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from orchestrator.store.leases import held
from orchestrator.store.ledger import Ledger
from orchestrator.study.graph import TrialGraph


# waiting -> running -> done | failed ; waiting -> skipped when a parent failed or was skipped ;
# cached is what was found done before this run began
class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"


_FINISHED = (State.DONE, State.CACHED)


class Board:
    """Where every trial of a graph stands; knows neither Ray nor the disk.

    Each call costs the same however many trials there are.
    """

    def __init__(
        self, graph: TrialGraph, done: Iterable[str] = (), failed: Mapping[str, str] | None = None
    ) -> None:
        self.graph = graph
        self.failures: dict[str, str] = dict(failed or {})
        """Why each failed trial failed."""
        self.states = dict.fromkeys(graph.trials, State.WAITING)
        self._children: dict[str, list[str]] = defaultdict(list)
        for trial in graph.trials.values():
            if trial.parent:
                self._children[trial.parent].append(trial.key)
        self.states.update(dict.fromkeys(done, State.CACHED))
        for key in self.failures:
            self.states[key] = State.FAILED
            self._skip_children(key)
        # A ready child goes before a new parent: pairs are completed early, so that a table
        # with gaps is useful before the study ends.
        self._ready_children: deque[str] = deque()
        self._ready_parents: deque[str] = deque()
        for key in graph.trials:
            self._queue_if_ready(key)

    def next_ready(self, free: Callable[[str], bool] = lambda key: True) -> str | None:
        """Start the next trial: mark it running and return its key; None if none is ready.

        Args:
            free: tells whether a ready trial may be started now; passed over where it may not.
        """
        for queue in (self._ready_children, self._ready_parents):
            for key in queue:
                if free(key):
                    queue.remove(key)
                    self.states[key] = State.RUNNING
                    return key
        return None

    @property
    def any_ready(self) -> bool:
        """Whether there is a trial that could be started."""
        return bool(self._ready_children or self._ready_parents)

    def finish(self, key: str, failure: str | None = None) -> None:
        """The trial ended, here or elsewhere: its children become ready, or skipped if it failed
        for a reason."""
        for queue in (self._ready_children, self._ready_parents):
            if self.states[key] is State.WAITING and key in queue:
                queue.remove(key)
        self.states[key] = State.FAILED if failure else State.DONE
        if failure:
            self.failures[key] = failure
            self._skip_children(key)
            return
        for child in self._children[key]:
            self._queue_if_ready(child)

    def stop(self) -> None:
        """Nothing is at work any more: what was running waits for another run."""
        for key in self.running:
            self.states[key] = State.WAITING

    def reason(self, key: str) -> str | None:
        """Why a trial failed or was skipped; None for any other."""
        if self.states[key] is not State.SKIPPED:
            return self.failures.get(key)
        parent = self.graph.trials[key].parent
        assert parent is not None, key
        return f"its parent {parent} failed"

    @property
    def running(self) -> list[str]:
        """Keys that an executor holds."""
        return [key for key, state in self.states.items() if state is State.RUNNING]

    @property
    def complete(self) -> bool:
        """Whether every trial is done: the only case that deserves exit code 0."""
        return all(state in _FINISHED for state in self.states.values())

    def _queue_if_ready(self, key: str) -> None:
        parent = self.graph.trials[key].parent
        if self.states[key] is not State.WAITING:
            return
        if parent is None:
            self._ready_parents.append(key)
        elif self.states[parent] in _FINISHED:
            self._ready_children.append(key)

    def _skip_children(self, key: str) -> None:
        for child in self._children[key]:
            if self.states[child] is State.WAITING:
                self.states[child] = State.SKIPPED
                self._skip_children(child)


def board_of(graph: TrialGraph, ledger: Ledger) -> Board:
    """Where the graph's trials stand by the ledger alone."""
    outcomes = {key: ledger.outcome(key) for key in graph.trials}
    done = [key for key, outcome in outcomes.items() if outcome and outcome.state == "done"]
    failed = {key: outcome.failure for key, outcome in outcomes.items() if outcome}
    return Board(graph, done, {key: reason for key, reason in failed.items() if reason})


_SETTLED = (State.DONE, State.FAILED, State.SKIPPED)


def board_now(graph: TrialGraph, ledger: Ledger) -> Board:
    """Where the trials stand now, those included that some other process trains."""
    board = board_of(graph, ledger)
    for key, state in board.states.items():
        if state is State.WAITING and held(ledger.store, key):
            board.states[key] = State.RUNNING
        if state is State.CACHED:  # a word for what a run finds; here there is no run
            board.states[key] = State.DONE
    return board


def ended(board: Board) -> bool:
    """Whether no trial is left to wait for."""
    return all(state in _SETTLED for state in board.states.values())
