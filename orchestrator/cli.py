"""The command line. Exit codes: 0 done, 1 a trial or a check failed, 2 wrong input."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from model.errors import InputError
from orchestrator.graph import State
from orchestrator.planning import Plan, make_plan
from orchestrator.study import StudyError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
data_app = typer.Typer(no_args_is_help=True, help="Get image sets.")
app.add_typer(data_app, name="data")

Study = Annotated[Path, typer.Argument(help="The study file (YAML).", show_default=False)]
StoreUri = Annotated[
    str, typer.Option("--store", help="Where trials are kept: a folder or a bucket URI.")
]
Data = Annotated[
    Path | None, typer.Option("--data", help="Where the images lie, instead of the study's path.")
]

Results = Annotated[
    Path | None, typer.Option(help="Folder for records and tables.  [default: results/NAME]")
]
Cache = Annotated[Path | None, typer.Option(help="Decoded images.  [default: ~/.cache/maskgrid]")]

DEFAULT_STORE = ".maskgrid/store"


def default_cache() -> Path:
    """Where decoded images are kept on this machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskgrid"


@app.command()
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
    console.print(_summary(made), highlight=False)
    if recipes:
        for trial in made.graph.trials.values():
            typer.echo(trial.model_dump_json(indent=2))


@app.command()
def run(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    results: Results = None,
    address: Annotated[
        str, typer.Option(help="Ray cluster: local starts one here; auto or a host finds one.")
    ] = os.environ.get("RAY_ADDRESS", "local"),
    cache: Cache = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Train failed trials again.")
    ] = False,
    dashboard: Annotated[
        bool, typer.Option(help="Start Ray's dashboard with a local cluster.")
    ] = True,
) -> None:
    """Train what a study still lacks and write its tables. Run it again to go on after any end."""
    from orchestrator.cluster import configure
    from orchestrator.running import RunOptions, run_study

    configure(address)
    made = make_plan(study, store, data)
    console = Console()
    console.print(_summary(made), highlight=False)
    options = RunOptions(
        results=results or Path("results") / made.study.name,
        cache=cache or default_cache(),
        address=address,
        retry_failed=retry_failed,
        dashboard=dashboard,
    )
    raise typer.Exit(0 if run_study(made, options, console) else 1)


@app.command()
def report(
    study: Study,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    results: Results = None,
    cache: Cache = None,
) -> None:
    """Write a study's records and tables from what its store holds now. Trains nothing."""
    from orchestrator.running import write_and_print

    made = make_plan(study, store, data)
    target = results or Path("results") / made.study.name
    write_and_print(made, target, cache or default_cache(), Console())


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="tiny-imagenet")],
    source: Annotated[
        str | None, typer.Option("--from", help="URL or file, instead of the official address.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="Folder to put it in.")] = Path("data"),
) -> None:
    """Download an image set, going on where a broken download stopped, and verify it."""
    from orchestrator.download import fetch_with_progress

    if name != "tiny-imagenet":
        raise InputError(f"data set {name!r} is not known; choices: tiny-imagenet")
    typer.echo(f"verified: {fetch_with_progress(source, to, Console())}")


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


def _summary(made: Plan) -> str:
    counts = {state: made.count(state) for state in State}
    parts = [
        f"{made.study.name}: {made.asked} trials asked for, {len(made.graph.trials)} unique",
        f"{counts[State.CACHED]} cached",
        f"{counts[State.WAITING]} to run",
    ]
    parts += [f"{counts[s]} {s}" for s in (State.FAILED, State.SKIPPED) if counts[s]]
    return ", ".join(parts)


def main() -> None:
    """Run the command line; wrong input and failures become one line, never a traceback."""
    if os.environ.get("MASKGRID_TRACEBACK"):
        app()
    try:
        app()
    except StudyError as error:
        _fail(str(error), 2)
    except InputError as error:
        _fail(f"error: {error}", 2)
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"failed: {what} (MASKGRID_TRACEBACK=1 shows where)", 1)


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
