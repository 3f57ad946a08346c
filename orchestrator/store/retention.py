"""Retention of trained weights: `runtime.keep_weights`, applied when a run has ended."""

from collections.abc import Callable, Iterable
from functools import cache

from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.study_registry import StudyRecord


def drop_weights(ledger: Ledger, studies: Iterable[StudyRecord], keys: Iterable[str]) -> list[str]:
    """Delete final weights that none of the studies keeps or waits for; returns whose."""

    @cache
    def done(key: str) -> bool:
        outcome = ledger.outcome(key)
        return bool(outcome and outcome.state == "done")

    kept = set().union(*(weights_to_keep(study, done) for study in studies))
    there = ledger.store.sizes(Paths.trials)
    # Weights without an outcome are being written at this moment.
    dropped = [k for k in keys if k not in kept and Paths.weights(k) in there and done(k)]
    for key in dropped:
        ledger.store.delete(Paths.weights(key))
    return dropped


def weights_to_keep(study: StudyRecord, done: Callable[[str], bool]) -> set[str]:
    """Trials whose weights a study wants to stay: by its policy, or for a child not done yet."""
    waited_for: set[str] = set()
    inputs: set[str] = set()
    for key, trial in study.trials.items():
        inputs |= set(trial.inputs.values())
        waited_for |= set() if done(key) else set(trial.inputs.values())
    by_policy = {"all": set(study.trials), "parents": inputs, "none": set[str]()}
    return waited_for | by_policy[study.keep_weights]
