"""`maskgrid run`: train what a study still lacks, which is also how it goes on."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import (
    DEFAULT_ADDRESS,
    DEFAULT_STORE,
    Address,
    Cache,
    Data,
    MaxGpuHours,
    Results,
    StoreUri,
    Study,
    default_cache,
)
from orchestrator.plan.changes import print_changes
from orchestrator.plan.cost import estimate_cost, refuse_above
from orchestrator.plan.plan import Plan, make_plan, with_retries

if TYPE_CHECKING:
    from orchestrator.run.driver import RunOptions


def run(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    results: Results = None,
    address: Address = DEFAULT_ADDRESS,
    cache: Cache = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train failed trials again.")
    ] = False,
    dashboard: Annotated[
        bool, typer.Option(help="Start Ray's dashboard with a local cluster.")
    ] = True,
    max_gpu_hours: MaxGpuHours = None,
) -> None:
    """Train what a study still lacks and write its tables. Run it again to go on after any end."""
    from orchestrator.cluster.connection import configure
    from orchestrator.run.driver import RunOptions

    configure(address)
    plan = with_retries(make_plan(study, store, data), retry_failed)
    if max_gpu_hours is not None:
        refuse_above(estimate_cost(plan, plan.study.runtime.max_concurrent or 1), max_gpu_hours)
    options = RunOptions(
        results=results or Path("results") / plan.study.name,
        cache=cache or default_cache(),
        address=address,
        dashboard=dashboard,
        command=shlex.join(["maskgrid", *sys.argv[1:]]),
    )
    console = Console()
    _announce(plan, console)
    raise typer.Exit(0 if _completed(plan, options, console) else 1)


def _announce(plan: Plan, console: Console) -> None:
    for note in plan.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    console.print(plan.summary, highlight=False)
    print_changes(plan, console)


def _completed(plan: Plan, options: "RunOptions", console: Console) -> bool:
    """Run the study, signals handled; whether every trial is done."""
    from orchestrator.run.driver import print_line, run_study
    from orchestrator.run.signals import SignalHandler

    signals = SignalHandler()
    with signals.caught():
        try:
            return run_study(plan, options, console, signals)
        except KeyboardInterrupt:
            print_line(console, f"nothing was started; to go on: {options.command}")
            return False
