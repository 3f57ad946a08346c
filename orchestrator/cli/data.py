"""`maskgrid data`: get image sets."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

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
    from model.data.tiny_imagenet_download import fetch_tiny_imagenet

    if name != "tiny-imagenet":
        raise InputError(f"no data set {name!r}; choices: tiny-imagenet")
    columns = TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console()) as progress:
        task = progress.add_task("", total=None)

        def show(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        path = fetch_tiny_imagenet(source, to, show)
    typer.echo(f"verified: {path}")
