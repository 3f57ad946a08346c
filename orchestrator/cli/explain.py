"""`maskgrid explain`: from a number back to what made it."""

import json
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import DEFAULT_STORE, AsJson, Data, StoreUri, Study
from orchestrator.plan.plan import make_plan


def explain(
    study: Study,
    cell: Annotated[
        str,
        typer.Argument(
            help="A cell's name, its values (4x4,20%), or the beginning of a trial's key.",
            show_default=False,
        ),
    ],
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    recipes: Annotated[bool, typer.Option("--recipes", help="Print the recipes in full.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show where a cell's numbers come from: trials, recipes, commit, images, hardware.

    --json prints one object: study; cell; values (what the cell changes);
    numbers, each with table, title, seed, trial, metric, value, epoch, select;
    trials, each with key, task, stages, inputs, seed, cells, state, reason, epochs,
    epochs_done, restarts, started_at, finished_at, wall_seconds,
    train_seconds, fingerprint, provenance, differs, defaults, recipe.
    """
    from orchestrator.explain import explanation, text

    found = explanation.explain(make_plan(study, store, data, existing=True), cell)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        text.show(found, Console(), recipes)
