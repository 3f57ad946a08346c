"""`maskgrid report`: a study's records, tables and verdicts as its store has them now."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import (
    DEFAULT_STORE,
    Cache,
    Data,
    Results,
    StoreUri,
    Study,
    default_cache,
)
from orchestrator.plan.plan import make_plan


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
    """Write a study's records, tables, figures and page from what its store holds now.

    STUDY may also be a results folder: all is then made again from the records in it, without a
    store.
    """
    from orchestrator.report.records.results_folder import (
        is_results,
        keep_safe,
        records_of,
        refuse_another_study,
        study_of,
        study_record,
    )
    from orchestrator.report.refresh import print_written, write_and_print
    from orchestrator.report.write import results_as_json

    console = Console(quiet=as_json)
    if is_results(study):
        spec, target = study_of(study), results or study
        if (source := study_record(study)) and target.resolve() != study.resolve():
            refuse_another_study(target, source)
        found = print_written(spec, records_of(study), target, console)
    else:
        made = make_plan(study, store, data, existing=True)
        spec, target = made.study, results or Path("results") / made.study.name
        keep_safe(target, made)
        found = write_and_print(made, target, cache or default_cache(), console)
    if as_json:
        typer.echo(json.dumps(results_as_json(spec, target), indent=2))
    if check and any(verdict.holds is False for verdict in found):
        raise typer.Exit(1)
