"""`maskgrid data`: get image sets."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from model.errors import InputError

app = typer.Typer(no_args_is_help=True, help="Get image sets.")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="tiny-imagenet")],
    source: Annotated[
        str | None, typer.Option("--from", help="URL or file, instead of the official address.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="Folder to put it in.")] = Path("data"),
) -> None:
    """Download an image set, going on where a broken download stopped, and verify it."""
    from orchestrator.cli.download_progress import fetch_with_progress

    if name != "tiny-imagenet":
        raise InputError(f"data set {name!r} is not known; choices: tiny-imagenet")
    typer.echo(f"verified: {fetch_with_progress(source, to, Console())}")
