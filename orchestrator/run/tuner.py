"""One Tune run over the trial graph."""

import json
from collections.abc import Callable
from typing import Any

from ray import tune

from orchestrator.plan.board import Board
from orchestrator.run.coordination import RunCoordinator
from orchestrator.run.job import StudyJob
from orchestrator.run.searcher import GraphSearcher, PendingFirstScheduler
from orchestrator.run.trackers.callbacks import callbacks
from orchestrator.run.trainable import run_trial
from orchestrator.run.trial_names import readable_name
from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.store import StoreError
from orchestrator.study.axes import Scalar, Setting
from orchestrator.study.spec import StudySpec

# The trial's actor only waits for its workers: it sits on the head, next to the Train controller,
# and takes no CPU that a worker could need. 0.001 of a node's one unit is as good as nothing.
_ON_HEAD = {"node:__internal_head__": 0.001}


def run_graph(
    study: StudySpec,
    board: Board,
    ledger: Ledger,
    job: StudyJob,
    stopping: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = print,
) -> None:
    """Train every trial of the board that is not done; board and ledger say how each ended.

    Args:
        stopping: whether the study has been asked to stop.
        say: prints a line for whoever watches.

    Raises:
        StoreError: the store failed, or Ray's own folder; what ended before is kept.
    """
    leases = Leases(ledger.store)
    coordinator = RunCoordinator(ledger, leases)
    searcher = GraphSearcher(board, coordinator, tune_columns(study, board), stopping, say)
    with leases.renewed():
        try:
            _tuner(study, ledger, job, searcher).fit()
        except Exception as error:
            searcher.broken = searcher.broken or _of_the_store(error, ledger)
            if not searcher.broken:
                raise
    board.stop()
    if searcher.broken:
        raise searcher.broken


def _of_the_store(error: Exception, ledger: Ledger) -> StoreError | None:
    """The error of the store or of Ray's own folder that ended Tune, which writes into both."""
    try:
        ledger.store.probe()
    except StoreError as reason:
        return reason
    if isinstance(error, OSError):
        return StoreError(f"Ray's own files, which RAY_TMPDIR moves: {error}")
    return None


def _tuner(study: StudySpec, ledger: Ledger, job: StudyJob, searcher: GraphSearcher) -> tune.Tuner:
    allotment = job.allotment
    trainable = tune.with_parameters(run_trial, job=job.model_dump())
    inline = allotment.executor == "inline"
    return tune.Tuner(
        tune.with_resources(trainable, allotment.worker_resources if inline else _ON_HEAD),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=PendingFirstScheduler(),  # type: ignore[no-untyped-call]
            num_samples=-1,  # the searcher says when it is through
            max_concurrent_trials=allotment.concurrent,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=study.name,
            storage_path=ledger.store.join(Paths.tune),
            failure_config=tune.FailureConfig(max_failures=study.runtime.max_restarts),
            callbacks=callbacks(study, ledger.store),
            verbose=0,
        ),
    )


def tune_columns(study: StudySpec, board: Board) -> dict[str, dict[str, Any]]:
    """Columns of Tune's tables for each trial, besides its key: the values of its first cell."""
    columns: dict[str, dict[str, Any]] = {}
    for key in board.graph.trials:
        first = board.graph.cells_of(key)[0]
        stage = board.graph.stages_of(key)[0]
        names = {"stage": stage, "cell": first.cell.name, "seed": first.seed}
        values = {axis: _column(value) for axis, value in first.cell.values.items()}
        columns[key] = {**names, **values}
    return columns


def _column(value: Setting) -> Scalar:
    return json.dumps(value) if isinstance(value, dict) else value


def _trial_name(trial: Any) -> str:
    return readable_name(trial.config)
