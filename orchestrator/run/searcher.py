"""Ray Tune's side of the trial graph: a searcher that offers trials whose inputs are done."""

from collections.abc import Callable
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from orchestrator.plan.board import Board
from orchestrator.run.coordination import RunCoordinator
from orchestrator.store.store import StoreError


class PendingFirstScheduler(FIFOScheduler):
    """Tune's own order, without looking through all trials that ever ended for one to start."""

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """A trial that waits to be started; none is ever paused."""
        live = tune_controller.get_live_trials()
        return next((trial for trial in live if trial.status == Trial.PENDING), None)


class GraphSearcher(Searcher):
    """Offers the trials of a graph, each once its inputs are done.

    It keeps nothing: the board is rebuilt from the ledger at every start, and whether a trial ended
    well is read from the ledger, never from what Tune says.

    Args:
        columns: what Tune's tables show of each trial besides its key.
        stopping: whether the study has been asked to stop.
        say: prints a line for whoever watches.
    """

    def __init__(
        self,
        board: Board,
        coordinator: RunCoordinator,
        columns: dict[str, dict[str, Any]],
        stopping: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        super().__init__()
        self.broken: StoreError | None = None
        """Why the study had to stop: nothing can be kept any more."""
        self._board, self._coordinator, self._columns = board, coordinator, columns
        self._stopping, self._say = stopping, say
        self._announced: set[str] = set()
        self._held: dict[str, str] = {}  # Tune's trial id -> our key

    def suggest(self, trial_id: str) -> Any:
        """A ready trial as a flat dict of primitives; None for not now; else FINISHED."""
        try:
            key = None if self._ending else self._next()
        except StoreError as error:
            self.broken, key = error, None
        if key is not None:
            self._held[trial_id] = key
            return {"trial_key": key, **self._columns.get(key, {})}
        if self._held:
            return None
        if self._ending or not self._board.any_ready:
            return Searcher.FINISHED
        self._announce_waiting()  # another run is training what is ready: this one asks again
        return None

    def _announce_waiting(self) -> None:
        holders = self._coordinator.waited_for()
        for key in holders.keys() - self._announced:
            self._say(f"waiting for {key}: {holders[key]} is training it")
        self._announced |= holders.keys()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take a trial's end from the ledger, whatever Tune says of it."""
        key = self._held.pop(trial_id)
        ledger = self._coordinator.ledger
        try:
            outcome = ledger.outcome(key)
            if outcome is None:  # if it could not be written, no other trial's can
                ledger.store.probe()
            self._coordinator.release(key)
        except StoreError as problem:
            self.broken = problem
            return
        if outcome is None:
            self._board.finish(key, failure="its process was lost or stopped before it ended")
        else:
            self._board.finish(key, failure=outcome.failure)

    @property
    def _ending(self) -> bool:
        return self._stopping() or self.broken is not None

    def _next(self) -> str | None:
        for key, outcome in self._coordinator.finished_elsewhere().items():
            self._board.finish(key, failure=outcome.failure)
        return self._board.next_ready(self._coordinator.try_start)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle nothing: Tune pickles what it is given, and we never restore it."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: Tune's own state is never restored."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: the board is rebuilt from the ledger at every start."""
