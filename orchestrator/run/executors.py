"""The two ways to train a trial: in the trial's own Tune actor, or as a Ray Train job."""

from collections.abc import Callable
from typing import Protocol

from ray.exceptions import ActorDiedError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from orchestrator.cluster.connection import start_workers_within
from orchestrator.run.dashboard_name import DashboardName
from orchestrator.run.job import TrialJob
from orchestrator.run.placement_groups import remove_stale_groups
from orchestrator.run.worker import train_fn_per_worker, train_inline
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store

# Right after a node was lost Train still counts on its places, and asks again only when they do not
# come. An elastic trial never asks for more than there seems to be, so it need not wait for long.
_ELASTIC_PATIENCE = 30.0  # seconds


class Executor(Protocol):
    """Trains one trial to its recorded end."""

    def fit(self, job: TrialJob) -> None:
        """Train; what it raises has outlasted the job's restarts."""


class InlineExecutor:
    """Trains in the calling process: a one-worker trial in its reused Tune actor."""

    def fit(self, job: TrialJob) -> None:
        """See `Executor.fit`."""
        with_restarts(lambda: train_inline(job), job.max_restarts)


class TrainExecutor:
    """Trains in the workers of a TorchTrainer."""

    def fit(self, job: TrialJob) -> None:
        """See `Executor.fit`."""
        if job.allotment.max_workers:
            start_workers_within(_ELASTIC_PATIENCE)
        # Train starts lost workers again by itself, but nobody its controller.
        with_restarts(lambda: self._fit_once(job), job.max_restarts, ActorDiedError)

    def _fit_once(self, job: TrialJob) -> None:
        remove_stale_groups(job.ledger, job.trial_key)
        trainer_of(job).fit()


def executor_of(job: TrialJob) -> Executor:
    """The executor that the trial's allotment names."""
    return InlineExecutor() if job.allotment.executor == "inline" else TrainExecutor()


def trainer_of(job: TrialJob) -> TorchTrainer:
    """The trial as a Ray Train job."""
    allotment = job.allotment
    return TorchTrainer(
        train_fn_per_worker,
        train_loop_config=job.model_dump(),
        torch_config=TorchConfig(backend="nccl" if job.gpu else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=allotment.train_workers,  # type: ignore[arg-type]
            use_gpu=job.gpu,
            resources_per_worker=allotment.worker_resources,
        ),
        run_config=RunConfig(
            name=job.run_name,
            storage_path=Store(job.store).join(Paths.train),
            callbacks=[DashboardName(job.run_name)],  # type: ignore[list-item]
            # Ray declares the older class, but gives the one that has this limit: without it a
            # worker group that cannot start would be tried without end.
            failure_config=FailureConfig(
                max_failures=job.max_restarts,
                controller_failure_limit=job.max_restarts,  # type: ignore[call-arg]
            ),
        ),
    )


def with_restarts(
    train: Callable[[], None], restarts: int, lost: type[Exception] = Exception
) -> None:
    """Try again, from the last checkpoint, as Train does for its workers.

    Args:
        restarts: times to try again; the last error is raised.
        lost: errors after which another try makes sense.
    """
    for attempts_left in reversed(range(restarts + 1)):
        try:
            return train()
        except lost:
            if not attempts_left:
                raise
