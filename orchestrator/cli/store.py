"""`maskgrid store`: what a store holds, and deleting what nobody needs."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from model.errors import InputError
from orchestrator.cli.options import DEFAULT_STORE, StoreUri
from orchestrator.store.cleanup import delete_ray_files, delete_trials
from orchestrator.store.inventory import Inventory, StoredTrial, open_store, take_inventory
from orchestrator.store.study_registry import forget_study

app = typer.Typer(no_args_is_help=True, help="List what a store holds; delete what nobody needs.")

_NOBODY = "no study"


@app.command("list")
def list_trials(
    store: StoreUri = DEFAULT_STORE,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: sizes in bytes.")] = False,
) -> None:
    """Show every trial in a store: its state, its size and which studies use it."""
    ledger = open_store(store)
    inventory = take_inventory(ledger)
    if as_json:
        typer.echo(json.dumps(_as_json(ledger.store.name, inventory), indent=2))
        return
    console = Console()
    console.print(_table(inventory))
    for line in _totals(inventory):
        console.print(line, highlight=False, markup=False)


@app.command()
def delete(
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY", help="Trials to delete.")
    ] = None,
    store: StoreUri = DEFAULT_STORE,
    unused: Annotated[
        bool, typer.Option("--unused", help="Delete the trials that no study uses any more.")
    ] = False,
    ray_files: Annotated[
        bool, typer.Option("--ray-files", help="Delete Ray's own files, TensorBoard's among them.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the named trials even if a study uses them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete whole trials, or what Ray left; asks first."""
    _check(keys or [], unused, ray_files, force)
    ledger = open_store(store)
    inventory = take_inventory(ledger)
    chosen = inventory.unused if unused else inventory.select(keys or [], force)
    said = [_with_size(chosen)] if chosen else []
    said += [f"Ray's own files, {decimal(inventory.ray_bytes)}"] if ray_files else []
    if not said:
        typer.echo("nothing to delete")
        return
    if not yes and not _confirmed("; ".join(said)):
        typer.echo("nothing deleted")
        return
    if ray_files:
        delete_ray_files(ledger, inventory)
    deleted, unknown = delete_trials(ledger, [trial.key for trial in chosen], force)
    _tell(chosen, deleted, unknown)


@app.command()
def forget(
    name: Annotated[str, typer.Argument(help="A study, as `store list` names it.")],
    store: StoreUri = DEFAULT_STORE,
) -> None:
    """Forget a study that is no longer wanted; its trials stay, unused, until they are deleted."""
    ledger = open_store(store)
    record = forget_study(ledger.store, name)
    trials = f" and its {len(record.trials)} trials" if record else ""
    typer.echo(f"forgot {name}{trials}; `maskgrid store delete --unused` deletes what nobody uses")


def _check(keys: list[str], unused: bool, ray_files: bool, force: bool) -> None:
    if keys and unused:
        raise InputError("give trial keys or --unused, not both")
    if not (keys or unused or ray_files):
        raise InputError(
            "store delete: nothing was named; choices: trial keys, --unused, --ray-files"
        )
    if force and not keys:
        raise InputError("--force is for trials that are named one by one")


def _confirmed(what: str) -> bool:
    if not sys.stdin.isatty():
        raise InputError(f"would delete {what}; no terminal to confirm at; give --yes")
    return typer.confirm(f"Delete {what} for good?")


def _tell(chosen: list[StoredTrial], deleted: list[str], unknown: list[str]) -> None:
    if chosen:
        typer.echo(f"deleted {_counted(len(deleted))}")
    for trial in chosen:
        if trial.key not in deleted:
            typer.echo(f"kept {trial.key}: a run needs it now")
    for name in unknown:
        typer.echo(f"kept {name}: not a file of maskgrid's")


def _table(inventory: Inventory) -> Table:
    table = Table(box=None, padding=(0, 1), show_edge=False, header_style="bold")
    for column in ("trial", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("size", "weights"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("used by", overflow="fold")
    # What may be deleted stands together, at the end.
    for trial in sorted(
        inventory.trials.values(), key=lambda trial: (not trial.used_by, trial.key)
    ):
        weights = "-" if trial.weights_bytes is None else decimal(trial.weights_bytes)
        users = ", ".join(trial.used_by) or f"[dim]{_NOBODY}[/]"
        table.add_row(trial.key, trial.state, decimal(trial.bytes), weights, users)
    return table


def _totals(inventory: Inventory) -> list[str]:
    everything = list(inventory.trials.values())
    unused = [trial for trial in everything if not trial.used_by]
    return [
        _with_size(everything),
        f"of them used by {_NOBODY}: {_with_size(unused)}",
        f"Ray's own files: {decimal(inventory.ray_bytes)}",
    ]


def _with_size(trials: list[StoredTrial]) -> str:
    return f"{_counted(len(trials))}, {decimal(sum(trial.bytes for trial in trials))}"


def _counted(number: int) -> str:
    return f"{number} trial" if number == 1 else f"{number} trials"


def _as_json(name: str, inventory: Inventory) -> dict[str, Any]:
    trials = [{"key": t.key, "task": t.task, **asdict(t)} for t in inventory.trials.values()]
    return {
        "store": name,
        "studies": list(inventory.studies),
        "trials": trials,
        "ray_bytes": inventory.ray_bytes,
    }
