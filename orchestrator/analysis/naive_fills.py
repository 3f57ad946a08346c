"""Yardsticks beside the reconstruction losses: the same images and masks, nothing learned."""

from pathlib import Path

from model.config.recipe import PretrainRecipe
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.store.ledger import NAIVE_FILLS


def save_missing_losses(plan: Plan, cache: Path) -> None:
    """Work out the yardsticks of every finished pretraining that has none yet."""
    for key, trial in plan.graph.trials.items():
        done = plan.board.states[key] in (State.DONE, State.CACHED)
        recipe = trial.recipe
        if done and isinstance(recipe, PretrainRecipe) and not plan.ledger.naive_fill_losses(key):
            found = _yardsticks(recipe, cache)
            plan.ledger.save_naive_fill_losses(key, found)


def _yardsticks(recipe: PretrainRecipe, cache: Path) -> dict[str, float]:
    from model.analysis.naive_fills import (
        fill_losses_of_recipe,  # torch, which a finished study does not need
    )
    from model.data.load import load

    found = fill_losses_of_recipe(recipe, load(recipe.data, cache))
    names = dict(zip(("zero", "mean", "gaussian"), NAIVE_FILLS, strict=True))
    return {names[name]: value for name, value in found.items()}
