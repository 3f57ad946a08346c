"""Pictures: a few validation images as each finished pretraining restores them."""

from pathlib import Path

import pyarrow as pa

from model.analysis.reconstructions import reconstructions
from model.config.recipe import RestoreRecipe
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.store.ledger import DamagedError, Ledger
from orchestrator.store.schemas import SAMPLES, table_of
from orchestrator.study.graph import TrialSpec


def save_missing_pictures(plan: Plan, cache: Path) -> list[str]:
    """Work out the pictures of every finished pretraining that has none yet.

    Returns:
        Reasons why trials have none: one line for each whose weights are lost.

    Raises:
        InputError: the images cannot be read.
    """
    reasons = []
    for key, trial in plan.graph.trials.items():
        done = plan.board.states[key] in (State.DONE, State.CACHED)
        if done and trial.task == "restore" and plan.ledger.samples(key) is None:
            try:
                plan.ledger.save_samples(key, _samples(trial, plan.ledger, cache))
            except DamagedError as error:
                reasons.append(str(error))
    return reasons


def _samples(trial: TrialSpec, ledger: Ledger, cache: Path) -> pa.Table:
    from model.data.load import load

    assert isinstance(trial.recipe, RestoreRecipe)
    weights = ledger.weights(trial.key)
    pictures = reconstructions(trial.recipe, weights, load(trial.recipe.data, cache))
    try:
        return table_of(SAMPLES, ({"trial_key": trial.key, **picture} for picture in pictures))
    except ValueError as error:
        raise DamagedError(str(error)) from None
