"""`maskgrid watch`: what a study is doing, seen from another terminal or machine."""

import json
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import DEFAULT_STORE, Data, StoreUri, Study
from orchestrator.plan.plan import make_plan


def watch(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    once: Annotated[
        bool, typer.Option("--once", help="Show where it stands now, and end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Once, as one JSON document.")] = False,
) -> None:
    """Show a study's trials from its store alone, until all have ended or Ctrl-C."""
    from orchestrator.plan.as_json import progress_json
    from orchestrator.plan.board import board_now
    from orchestrator.run.live_view import watch as show

    made = make_plan(study, store, data, existing=True)
    if as_json:
        typer.echo(json.dumps(progress_json(made, board_now(made.graph, made.ledger)), indent=2))
        return
    try:
        board = show(made, Console(), once)
    except KeyboardInterrupt:
        return  # whoever trains goes on
    raise typer.Exit(0 if once or board.complete else 1)
