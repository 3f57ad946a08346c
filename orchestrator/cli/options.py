"""Arguments and options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

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
Address = Annotated[
    str, typer.Option(help="Ray cluster: local starts one here; auto or a host finds one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

MaxGpuHours = Annotated[
    float | None,
    typer.Option(min=0, help="Refuse a study that would take more, or nobody knows how many."),
]

DEFAULT_STORE = os.environ.get("MASKGRID_STORE", ".maskgrid/store")
DEFAULT_ADDRESS = os.environ.get("RAY_ADDRESS", "local")


def default_cache() -> Path:
    """Where decoded images are kept on each machine: `~` is whoever's home it is there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "maskgrid"
