"""`maskgrid doctor`: what could keep a study from running here, or on a cluster."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.cli.options import (
    DEFAULT_ADDRESS,
    DEFAULT_STORE,
    Address,
    Cache,
    Data,
    StoreUri,
    default_cache,
)

MaybeStudy = Annotated[
    Path | None, typer.Argument(help="Also its images, and whether it fits.", show_default=False)
]


def doctor(
    study: MaybeStudy = None,
    store: StoreUri = DEFAULT_STORE,
    data: Data = None,
    address: Address = DEFAULT_ADDRESS,
    cache: Cache = None,
) -> None:
    """Check versions, store, images, GPUs, disk and authentication on every node of a cluster, and
    train one step of each kind of trial on each kind of node. Exit code 1 if anything is wrong."""
    from orchestrator.cluster.connection import configure

    configure(address)
    from orchestrator.doctor.diagnose import diagnose, request_of

    patient = request_of(study, store, data, address, cache or default_cache())
    healthy = diagnose(patient, Console())
    raise typer.Exit(0 if healthy else 1)
