"""Tune's trainable: fits one trial, and reports its epochs while it trains."""

import threading
from collections.abc import Iterator
from typing import Any

from ray import tune

from orchestrator.run.executors import executor_of
from orchestrator.run.failures import OutOfMemory, advice, cause, lacks_memory, outcome_of
from orchestrator.run.job import StudyJob, TrialJob
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import StoreError

_POLL_SECONDS = 0.5


def run_trial(config: dict[str, Any], job: dict[str, Any]) -> None:
    """Train one trial and pass its epochs on to Tune.

    The training runs in a thread of its own. This one reads the ledger and reports to Tune: a
    busy driver can then delay a report but never the training, and nothing waits on a full queue.

    Args:
        config: the trial's columns, from the searcher; see `StudyJob.of_trial`.
        job: a `StudyJob` as primitives.
    """
    trial_job = StudyJob.model_validate(job).of_trial(config)
    ledger, key = trial_job.ledger, trial_job.trial_key
    if ledger.outcome(key):  # Tune tries a failed trial again; it would only fail again
        conclude(ledger, key)
        return
    training = Training(trial_job)
    num_reported = len(ledger.peek_rows(key))
    training.start()
    for metrics in new_epochs(ledger, key, num_reported, training.ended):
        tune.report(metrics)
    conclude(ledger, key, training.error)


class Training(threading.Thread):
    """One trial's training, in a thread of its own."""

    def __init__(self, job: TrialJob) -> None:
        super().__init__(name=f"train {job.trial_key}", daemon=True)
        self.ended = threading.Event()
        self.error: Exception | None = None
        """What the training raised; to be read once it has ended."""
        self._job = job

    def run(self) -> None:
        """Train to the end, or to an error."""
        try:
            executor_of(self._job).fit(self._job)
        except Exception as error:
            self.error = error
        finally:
            self.ended.set()


def new_epochs(
    ledger: Ledger, key: str, num_reported: int, ended: threading.Event
) -> Iterator[dict[str, Any]]:
    """Each epoch that the ledger shows beyond those reported before, until the training has ended.

    Args:
        num_reported: epochs that Tune knows of already.
    """
    while True:
        last = ended.wait(_POLL_SECONDS)
        rows = ledger.peek_rows(key)
        for row in rows[num_reported:]:
            yield {"trial_key": key, **row.flat()}
        num_reported = max(num_reported, len(rows))
        if last:
            return


def conclude(ledger: Ledger, key: str, error: Exception | None = None) -> None:
    """Report the end to Tune; only what the ledger calls done is a success.

    Args:
        error: what the training raised, if it did.

    Raises:
        RuntimeError: the trial failed; the reason is in the ledger.
        StoreError: the reason cannot be written down.
    """
    outcome = ledger.outcome(key)
    if outcome is None:
        reason = cause(error) if error else RuntimeError("it ended without an outcome")
        if isinstance(reason, StoreError):
            raise reason  # not a failure of the trial's, and there is nowhere to write it
        if lacks_memory(reason):
            reason = OutOfMemory(advice(ledger.spec(key)))
        outcome = outcome_of(ledger, key, reason)
        ledger.fail(key, outcome)
    if outcome.failure:
        raise RuntimeError(f"trial {key} failed: {outcome.failure}")
    tune.report({"trial_key": key, "state": outcome.state})
