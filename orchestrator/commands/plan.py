"""`maskgrid plan`: which trials a study has, and which of them would run."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.commands.options import DEFAULT_STORE, Data, StoreUri, Study
from orchestrator.difference import show as show_difference
from orchestrator.graph import State
from orchestrator.planning import Plan, make_plan


def plan(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    recipes: Annotated[
        bool, typer.Option("--recipes", help="Print each trial's recipe, nothing left implicit.")
    ] = False,
) -> None:
    """Show which trials a study has and which of them would run. Starts nothing."""
    made = make_plan(study, store, data, strict=False)
    console = Console()
    if made.warning:
        console.print(f"Images not found, so all keys are provisional: {made.warning}\n")
    console.print(_trial_table(made))
    console.print(made.summary, highlight=False)
    show_difference(made, console)
    if recipes:
        for trial in made.graph.trials.values():
            typer.echo(trial.model_dump_json(indent=2))


def _trial_table(made: Plan) -> Table:
    table = Table(box=None, padding=(0, 1), show_edge=False, header_style="bold")
    for column in ("trial", "seed", "epochs", "state", "asked for by"):
        table.add_column(column, no_wrap=column != "asked for by", overflow="fold")
    askers: dict[str, list[str]] = {}
    for asked in made.graph.cells:
        for key in filter(None, (asked.pretrain, asked.finetune)):
            askers.setdefault(key, []).append(asked.cell.name)
    for key, trial in made.graph.trials.items():
        state = made.board.states[key]
        shown = "would run" if state is State.WAITING else str(state)
        train = trial.recipe.train
        table.add_row(
            f"└ {key}" if trial.parent else key, str(trial.recipe.seed), str(train.epochs), shown,
            "; ".join(dict.fromkeys(askers[key])),
        )  # fmt: skip
    return table
