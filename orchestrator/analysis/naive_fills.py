"""Losses of trivial fills, beside the reconstruction losses: same images and masks, no learning."""

from pathlib import Path

from model.config.recipe import PretrainRecipe
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.store.ledger import NAIVE_FILLS


def save_missing_losses(plan: Plan, cache: Path) -> None:
    """Work out the fill losses of every finished pretraining that has none yet."""
    for key, trial in plan.graph.trials.items():
        done = plan.board.states[key] in (State.DONE, State.CACHED)
        recipe = trial.recipe
        if done and isinstance(recipe, PretrainRecipe) and not plan.ledger.naive_fill_losses(key):
            losses = _fill_losses(recipe, cache)
            plan.ledger.save_naive_fill_losses(key, losses)


def _fill_losses(recipe: PretrainRecipe, cache: Path) -> dict[str, float]:
    # Torch, which a finished study does not need.
    from model.analysis.naive_fills import fill_losses_of_recipe
    from model.data.load import load

    losses = fill_losses_of_recipe(recipe, load(recipe.data, cache))
    names = dict(zip(("zero", "mean", "gaussian"), NAIVE_FILLS, strict=True))
    return {names[name]: value for name, value in losses.items()}
