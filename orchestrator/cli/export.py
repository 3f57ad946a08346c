"""`maskgrid export`: a trained network as a folder that stands alone."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import DEFAULT_STORE, Cache, StoreUri, default_cache


def export(
    trial: Annotated[
        str, typer.Argument(help="A trial's key, or its beginning.", show_default=False)
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder, new or empty.", show_default=False)
    ],
    store: StoreUri = DEFAULT_STORE,
    cache: Cache = None,
) -> None:
    """Write a trial's weights, configuration and model card; the card says how to load it."""
    from orchestrator.export import export
    from orchestrator.store.inventory import open_store

    key = export.export(open_store(store), trial, folder, cache or default_cache())
    typer.echo(f"{key} written to {folder}")
