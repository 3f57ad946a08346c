"""The table of faults: printed, and kept row by row, each with where it came from."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.injection import FaultResult
from orchestrator.store.provenance import code_provenance, machine_provenance, utc_now

_HEADER = ("fault", "where", "survived", "same bytes", "trained twice", "epochs again", "s lost")


class KeptTable:
    """The table in a folder, as JSON and Markdown, written whenever a fault has been injected.

    Args:
        order: fault and place of every row that may be kept.
    """

    def __init__(self, folder: Path, order: Sequence[tuple[str, str]]) -> None:
        self._folder, self._order = folder, order
        self._origin = {**code_provenance(), **machine_provenance()}
        path = folder / "faults.json"
        kept = json.loads(path.read_text())["faults"] if path.exists() else []
        self._rows: dict[tuple[str, str], dict[str, Any]] = {
            (row["fault"], row["where"]): row for row in kept
        }

    def has(self, fault: str, where: str) -> bool:
        """Whether there is a row of this fault."""
        return (fault, where) in self._rows

    def keep(self, verdict: FaultResult) -> None:
        """Write a row, in the place of an earlier one of the same fault."""
        origin = {"at": utc_now(), **self._origin}
        self._rows[verdict.fault, verdict.where] = {**asdict(verdict), "provenance": origin}
        rows = [self._rows[name] for name in self._order if name in self._rows]
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "faults.json").write_text(json.dumps({"faults": rows}, indent=2) + "\n")
        (self._folder / "faults.md").write_text(markdown(list(map(_cells, rows))))


def show(verdicts: Sequence[FaultResult]) -> None:
    """Print the table of what was injected just now."""
    table = Table(*_HEADER)
    for verdict in verdicts:
        table.add_row(*_cells(asdict(verdict)))
    Console().print(table)


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """The table as Markdown."""
    lines = [_HEADER, ("---",) * len(_HEADER), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    words = ("no", "yes")
    return (
        row["fault"], row["where"], words[row["survived"]], words[row["equal"]],
        str(row["trained_twice"]), str(row["epochs_repeated"]), f"{row['seconds_lost']:.0f}",
    )  # fmt: skip
