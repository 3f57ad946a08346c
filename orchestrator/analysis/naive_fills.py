"""Naive fills beside the reconstruction losses: the same images, masks and region of pixels."""

from pathlib import Path

from model.config.recipe import RestoreRecipe
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.store.naive_fills import HIDDEN_SHARE, NAIVE_FILLS


def save_missing_losses(plan: Plan, cache: Path) -> None:
    """Work out the fill losses of every finished pretraining that has none yet."""
    for key, trial in plan.graph.trials.items():
        recipe = trial.recipe
        if not isinstance(recipe, RestoreRecipe):
            continue
        done = plan.board.states[key] in (State.DONE, State.CACHED)
        region = recipe.train.loss_region
        if done and not plan.ledger.naive_fill_losses(key, region):
            plan.ledger.save_naive_fill_losses(key, region, _losses(recipe, cache))


def _losses(recipe: RestoreRecipe, cache: Path) -> dict[str, float]:
    # Torch, which a finished study does not need.
    from model.analysis.naive_fills import fill_losses_of_recipe
    from model.data.load import load

    fills = fill_losses_of_recipe(recipe, load(recipe.data, cache))
    names = dict(zip(("zero", "mean", "gaussian"), NAIVE_FILLS, strict=True))
    losses = {names[name]: loss for name, loss in fills.losses.items()}
    return {**losses, HIDDEN_SHARE: fills.hidden_share}
