"""The frame of every part of the benchmark: options, threads, rows as they come."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.harness.result import Result

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """Settings of a part's measurement."""

    device: str = "cpu"
    """`cpu` or `cuda`."""
    tiny: bool = False
    """The same steps on next to nothing: to see that it works, never to be quoted."""
    rounds: int = 3
    """Times that each side is measured, in turn."""
    trials: tuple[int, ...] = (1_000, 10_000)
    """Numbers of no-op trials."""

    def pick(self, full: T, tiny: T) -> T:
        """A size."""
        return tiny if self.tiny else full


Measure = Callable[[Options], Iterator[Result]]


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def alternate(
    rounds: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Measure two things in turn: A B A B."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def main(measure: Measure) -> None:
    """A part's own command line: print its rows, and append them to a file if asked to."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--json", type=Path, help="file to append one JSON object a row to")
    given = parser.parse_args()
    options = Options(given.device, given.tiny, given.rounds, tuple(given.trials))
    try:
        for row in measure(options):
            print(line(row), flush=True)
            if given.json:
                with given.json.open("a") as stream:
                    stream.write(json.dumps(row.model_dump(mode="json")) + "\n")
    except Exception as error:
        if os.environ.get("MASKGRID_TRACEBACK"):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        sys.exit(f"failed: {what} (MASKGRID_TRACEBACK=1 shows where)")


def line(row: Result) -> str:
    """A row for the terminal."""
    if row.value is None:
        return f"{row.name}: {row.note}"
    shown = f"{row.name}: {row.value:.4g} {row.unit}"
    if row.ratio is not None:
        shown += f", {row.ratio:.2f}x {row.against} ({row.peer:.4g})"
    return shown
