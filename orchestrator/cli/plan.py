"""`maskgrid plan`: which trials a study has, and which of them would run."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.cli.options import DEFAULT_STORE, AsJson, Data, MaxGpuHours, StoreUri, Study
from orchestrator.plan.as_json import plan_json
from orchestrator.plan.board import State
from orchestrator.plan.changes import print_changes
from orchestrator.plan.cost import Estimate, estimate_cost, refuse_above
from orchestrator.plan.plan import Plan, make_plan, with_retries


def plan(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    recipes: Annotated[
        bool, typer.Option("--recipes", help="Print each trial's recipe, nothing left implicit.")
    ] = False,
    as_json: AsJson = False,
    at_once: Annotated[
        int | None, typer.Option(min=1, help="Trials at once, for the hours.", show_default=False)
    ] = None,
    max_gpu_hours: MaxGpuHours = None,
) -> None:
    """Show which trials a study has and which of them would run. Starts nothing.

    --json prints one object: study; warning (why keys are provisional, or
    null); notes (lines on its images and settings, such as files that are not
    read, or a rate that climbs in its decay); asked and unique (numbers of
    trials); states (number of trials in each: cached is done, waiting would
    run); changed (lines on what an edit of the study changed); trials, each with
    key, task, stages, inputs, seed, epochs, state, reason, cells, and recipe with
    --recipes.
    """
    made = with_retries(make_plan(study, store, data, strict=False))
    cost = estimate_cost(made, at_once or made.study.runtime.max_concurrent or 1)
    if as_json:
        typer.echo(json.dumps(plan_json(made, recipes), indent=2))
    else:
        _show(made, cost, recipes)
    refuse_above(cost, max_gpu_hours)


def _show(made: Plan, cost: Estimate, recipes: bool) -> None:
    console = Console()
    if made.warning:
        warning = f"Images not found, so all keys are provisional: {made.warning}\n"
        console.print(warning, highlight=False, markup=False, soft_wrap=True)
    for note in made.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    console.print(_trial_table(made))
    console.print(made.summary, highlight=False)
    print_changes(made, console)
    for line in cost.lines():
        console.print(line, highlight=False)
    if recipes:
        for trial in made.graph.trials.values():
            typer.echo(trial.model_dump_json(indent=2))


def _trial_table(made: Plan) -> Table:
    table = Table(box=None, padding=(0, 1), show_edge=False, header_style="bold")
    for column in ("trial", "seed", "epochs", "state", "cells"):
        table.add_column(column, no_wrap=column != "cells", overflow="fold")
    for key, trial in made.graph.trials.items():
        state = made.board.states[key]
        shown = "would run" if state is State.WAITING else str(state)
        train = trial.recipe.train
        table.add_row(
            f"└ {key}" if trial.inputs else key, str(trial.recipe.seed), str(train.epochs), shown,
            "; ".join(made.graph.names_of(key)),
        )  # fmt: skip
    return table
