"""Which trained weights stay in the store: `runtime.keep_weights`, applied when a run has ended."""

from collections.abc import Callable, Iterable
from functools import cache

from rich.console import Console

from model.errors import InputError
from orchestrator.plan.plan import Plan
from orchestrator.store.ledger import Ledger
from orchestrator.store.paths import Paths
from orchestrator.store.study_registry import Remembered, recall_all


def drop_unkept(plan: Plan, console: Console) -> None:
    """Drop the weights of the plan's trials that no study of the store keeps; the rest stays.

    A trial stays done without its weights. It cannot be exported any more, nothing can be restored
    with it, and a child that is asked for later makes `run` train it again.
    """
    policy = plan.study.runtime.keep_weights
    if policy == "all":
        return
    try:
        studies = recall_all(plan.ledger.store).values()
    except InputError as error:
        console.print(f"all weights stay: {error}", markup=False)
        return
    if dropped := drop(plan.ledger, studies, plan.graph.trials):
        told = f"runtime.keep_weights: {policy}: dropped the weights of {len(dropped)} trials"
        console.print(told, highlight=False)


def drop(ledger: Ledger, studies: Iterable[Remembered], keys: Iterable[str]) -> list[str]:
    """Delete final weights that none of the studies keeps or waits for; returns whose."""

    @cache
    def done(key: str) -> bool:
        outcome = ledger.outcome(key)
        return bool(outcome and outcome.state == "done")

    kept = set().union(*(wanted(study, done) for study in studies))
    there = ledger.store.sizes(Paths.trials)
    # Weights without an outcome are being written at this moment.
    dropped = [k for k in keys if k not in kept and Paths.weights(k) in there and done(k)]
    for key in dropped:
        ledger.store.delete(Paths.weights(key))
    return dropped


def wanted(study: Remembered, done: Callable[[str], bool]) -> set[str]:
    """Trials whose weights a study wants to stay: by its policy, or for a child not done yet."""
    parents = {key: trial.parent for key, trial in study.trials.items() if trial.parent}
    waited_for = {parent for key, parent in parents.items() if not done(key)}
    by_policy = {"all": study.trials, "parents": parents.values(), "none": ()}
    return waited_for.union(by_policy[study.keep_weights])
