"""The board of a study: the state of each trial, and which is next."""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from orchestrator.store.leases import is_held
from orchestrator.store.ledger import Ledger
from orchestrator.study.graph import TrialGraph


# waiting -> running -> done | failed ; waiting -> skipped when an input failed or was skipped ;
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
    """The state of every trial of a graph; knows neither Ray nor the disk.

    The cost of a call does not grow with the graph, but with what the call changes: the children
    of a trial that ended, or the ready trials that `next_ready` has to pass over.

    Args:
        done: trials that were found done.
        failed: why each trial that was found failed did.
        found: the state of what was found done.
    """

    def __init__(
        self,
        graph: TrialGraph,
        done: Iterable[str] = (),
        failed: Mapping[str, str] | None = None,
        found: State = State.CACHED,
    ) -> None:
        self.graph = graph
        self.failures: dict[str, str] = dict(failed or {})
        """Why each failed trial failed."""
        self.states = dict.fromkeys(graph.trials, State.WAITING)
        """To be read only."""
        self._counts = Counter(self.states.values())
        self._order = {key: place for place, key in enumerate(graph.trials)}
        self._running: set[str] = set()
        self._children: dict[str, list[str]] = defaultdict(list)
        for trial in graph.trials.values():
            for source in set(trial.inputs.values()):
                self._children[source].append(trial.key)
        for key in done:
            self._set(key, found)
        for key in self.failures:
            self._set(key, State.FAILED)
            self._skip_below(key)
        self._missing = {key: self._count_missing(key) for key in graph.trials}
        self._depths = _depths(graph)
        # Deepest first: a ready child goes before a new input, so that cells are completed early
        # and a table with gaps is useful before the study ends.
        self._ready: dict[int, OrderedDict[str, None]] = {
            depth: OrderedDict() for depth in sorted(set(self._depths.values()), reverse=True)
        }
        for key in graph.trials:
            self._queue_if_ready(key)

    def next_ready(self, free: Callable[[str], bool] = lambda key: True) -> str | None:
        """Start the next trial: mark it running and return its key; None if none is ready.

        Args:
            free: tells whether a ready trial may be started now; passed over where it may not.
        """
        for queue in self._ready.values():
            for key in queue:
                if free(key):
                    self.start(key)
                    return key
        return None

    def start(self, key: str) -> None:
        """A waiting trial is being trained, by whomever."""
        self._ready[self._depths[key]].pop(key, None)
        self._set(key, State.RUNNING)

    @property
    def any_ready(self) -> bool:
        """Whether there is a trial that could be started."""
        return any(self._ready.values())

    def finish(self, key: str, failure: str | None = None) -> None:
        """The trial ended, here or elsewhere: its children become ready, or skipped if it failed
        for a reason."""
        self._ready[self._depths[key]].pop(key, None)
        if failure:
            self.failures[key] = failure
            self._set(key, State.FAILED)
            self._skip_below(key)
            return
        self._set(key, State.DONE)
        for child in self._children[key]:
            self._missing[child] -= 1
            self._queue_if_ready(child)

    def stop(self) -> None:
        """No trial is running any more: those that were wait for another run."""
        for key in self.running:
            self._set(key, State.WAITING)

    def reason(self, key: str) -> str | None:
        """Why a trial failed or was skipped; None for any other."""
        if self.states[key] is not State.SKIPPED:
            return self.failures.get(key)
        lost = (State.FAILED, State.SKIPPED)
        inputs = self.graph.trials[key].inputs
        role, source = next((r, k) for r, k in inputs.items() if self.states[k] in lost)
        while self.states[source] is State.SKIPPED:  # the trial at fault is further up
            above = self.graph.trials[source].inputs.values()
            source = next(k for k in above if self.states[k] in lost)
        return f"its {role} input needs {source}, which failed"

    @property
    def running(self) -> list[str]:
        """Keys of the trials that are being trained, in the graph's order."""
        return sorted(self._running, key=self._order.__getitem__)

    def count(self, *states: State) -> int:
        """Trials in any of some states."""
        return sum(self._counts[state] for state in states)

    @property
    def complete(self) -> bool:
        """Whether every trial is done: the only case that deserves exit code 0."""
        return self.count(*_FINISHED) == len(self.states)

    @property
    def settled(self) -> bool:
        """Whether no trial is left to wait for."""
        return self.count(State.WAITING, State.RUNNING) == 0

    def _set(self, key: str, state: State) -> None:
        self._counts[self.states[key]] -= 1
        self._counts[state] += 1
        self.states[key] = state
        (self._running.add if state is State.RUNNING else self._running.discard)(key)

    def _count_missing(self, key: str) -> int:
        sources = set(self.graph.trials[key].inputs.values())
        return sum(self.states[source] not in _FINISHED for source in sources)

    def _queue_if_ready(self, key: str) -> None:
        if self.states[key] is State.WAITING and not self._missing[key]:
            self._ready[self._depths[key]][key] = None

    def _skip_below(self, key: str) -> None:
        for child in self._children[key]:
            if self.states[child] is State.WAITING:
                self._set(child, State.SKIPPED)
                self._skip_below(child)


def _depths(graph: TrialGraph) -> dict[str, int]:
    """Generations above each trial; a graph names inputs before what they go into."""
    depths: dict[str, int] = {}
    for key, trial in graph.trials.items():
        depths[key] = max((depths[source] + 1 for source in trial.inputs.values()), default=0)
    return depths


def board_of(graph: TrialGraph, ledger: Ledger, found: State = State.CACHED) -> Board:
    """The board of a graph by the ledger alone.

    Args:
        found: the state of what the ledger calls done.
    """
    outcomes = {key: ledger.outcome(key) for key in graph.trials}
    done = [key for key, outcome in outcomes.items() if outcome and outcome.state == "done"]
    failures = {key: outcome.failure for key, outcome in outcomes.items() if outcome}
    return Board(graph, done, {key: why for key, why in failures.items() if why}, found)


def board_now(graph: TrialGraph, ledger: Ledger) -> Board:
    """The board of a graph now, with the trials that some other process trains."""
    board = board_of(graph, ledger, State.DONE)  # cached is a word for what a run finds
    for key in graph.trials:
        if board.states[key] is State.WAITING and is_held(ledger.store, key):
            board.start(key)
    return board
