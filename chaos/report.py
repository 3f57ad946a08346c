"""The table of faults: printed, and kept with where it came from."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.injection import FaultResult
from orchestrator.store.provenance import code_provenance, machine_provenance

_HEADER = ("fault", "where", "survived", "same bytes", "trained twice", "epochs again", "s lost")


def write(verdicts: Sequence[FaultResult], folder: Path | None) -> None:
    """Print the table and, given a folder, write it there as JSON and Markdown."""
    rows = [_row(verdict) for verdict in verdicts]
    table = Table(*_HEADER)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "provenance": {**code_provenance(), **machine_provenance()},
        "faults": list(map(asdict, verdicts)),
    }
    (folder / "faults.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder / "faults.md").write_text(markdown(rows))


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """The table as Markdown."""
    lines = [_HEADER, ("---",) * len(_HEADER), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _row(verdict: FaultResult) -> tuple[str, ...]:
    words = ("no", "yes")
    return (
        verdict.fault, verdict.where, words[verdict.survived], words[verdict.equal],
        str(verdict.trained_twice), str(verdict.epochs_repeated), f"{verdict.seconds_lost:.0f}",
    )  # fmt: skip
