"""Arguments and options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORE = os.environ.get("MASKGRID_STORE") or ".maskgrid/store"
DEFAULT_ADDRESS = os.environ.get("RAY_ADDRESS") or "local"


def _path(text: str) -> Path | None:
    """None where nothing was given, as by `--data "$DATA"` with an empty variable."""
    return Path(text) if text else None


Study = Annotated[Path, typer.Argument(help="The study file (YAML).", show_default=False)]
StoreUri = Annotated[
    str,
    typer.Option(
        "--store",
        help="Where trials are kept: a folder or a bucket URI.",
        callback=lambda text: text or DEFAULT_STORE,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Images, instead of the study's path.", parser=_path, metavar="<path>"
    ),
]
Results = Annotated[
    Path | None,
    typer.Option(
        help="Folder for records and tables.",
        show_default="results/NAME",
        parser=_path,
        metavar="<path>",
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        help="Folder for decoded images.",
        show_default="~/.cache/maskgrid",
        parser=_path,
        metavar="<path>",
    ),
]
Address = Annotated[
    str,
    typer.Option(
        help="Ray cluster: local starts one here; auto or a host finds one.",
        callback=lambda text: text or DEFAULT_ADDRESS,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

MaxGpuHours = Annotated[
    float | None,
    typer.Option(min=0, help="Refuse a study that would take more, or whose cost is unknown."),
]


def default_cache() -> Path:
    """Folder of decoded images on each machine: `~` is whoever's home it is there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "maskgrid"
