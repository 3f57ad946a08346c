"""`maskgrid report`: a study's records, tables and verdicts as its store has them now."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.commands.options import (
    DEFAULT_STORE,
    Cache,
    Data,
    Results,
    StoreUri,
    Study,
    default_cache,
)
from orchestrator.planning import make_plan


def report(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    results: Results = None,
    cache: Cache = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 if a claim of the paper is contradicted.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print tables and verdicts as one JSON document.")
    ] = False,
) -> None:
    """Write a study's records and tables from what its store holds now. Trains nothing."""
    from orchestrator.report.results import results_as_json
    from orchestrator.running import write_and_print

    made = make_plan(study, store, data)
    target = results or Path("results") / made.study.name
    console = Console(quiet=as_json)
    found = write_and_print(made, target, cache or default_cache(), console)
    if as_json:
        typer.echo(json.dumps(results_as_json(made.study, target), indent=2))
    if check and any(verdict.holds is False for verdict in found):
        raise typer.Exit(1)
