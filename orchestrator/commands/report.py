"""`maskgrid report`: a study's records and tables as its store has them now."""

from pathlib import Path

from rich.console import Console

from orchestrator.commands.options import (
    DEFAULT_STORE,
    Cache,
    Data,
    Results,
    StoreUri,
    Study,
    default_cache,
)
from orchestrator.planning import make_plan


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
