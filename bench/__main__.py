"""Measures maskgrid beside what a user would pick instead.

Each part runs in a process of its own; what is measured is kept with the version of the code, so
that the same command goes on where it was cut.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.harness import record as records
from bench.harness import table
from bench.harness.part import ROOT, cores
from bench.harness.record import Part, Record, Run
from bench.harness.result import Result
from model.errors import InputError

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ON_GPU = ["step", "gpu", "gpu_sharing", "input", "makespan"]


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=", ".join(table.PARTS))] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    rounds: Annotated[int, typer.Option(min=1, help="Times each side is measured.")] = 3,
    trials: Annotated[str, typer.Option(help="Numbers of no-op trials.")] = "1000,10000",
    minutes: Annotated[float, typer.Option(help="Start no part, and end it, after these.")] = 60,
    tiny: Annotated[bool, typer.Option("--tiny", help="The same road on next to nothing.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what was measured.")
    ] = False,
    results: Annotated[Path | None, typer.Option(help="Folder.  [default: bench/results]")] = None,
) -> None:
    """Measure the parts that this version lacks; print the table, write JSON and Markdown."""
    wanted = _checked(parts, device)
    counts = _counts(trials)
    folder = results or ROOT / ("build/bench-tiny" if tiny else "bench/results")
    run = records.new_run(device, cores(), rounds, counts)
    path = folder / f"{records.machine_name(run)}.json"
    record = records.read(path, records.machine_name(run))
    run = _go_on(record, run, wanted if fresh else [])
    ends = time.monotonic() + 60 * minutes
    arguments = ["--device", device, "--rounds", str(rounds), *(["--tiny"] if tiny else [])]
    arguments += ["--trials", *map(str, counts)]
    failed = []
    for name in wanted:
        if name in run.parts:
            print(f"{name}: measured before", flush=True)
        elif (part := _measure(name, arguments, ends)) is None:
            failed.append(name)
        else:
            run = run.model_copy(update={"parts": {**run.parts, name: part}})
            record = record.with_run(run)
            _write(path, record)
    table.show(run, Console())
    if run.parts:
        print(f"written to {path} and {folder / 'README.md'}")
    if failed:
        print(f"not measured: {', '.join(failed)}; the same command goes on", file=sys.stderr)
        raise typer.Exit(1)


def _checked(given: list[str] | None, device: str) -> list[str]:
    """The parts to measure: those that are given, else all that concern the device.

    Raises:
        InputError: there is no such part or device.
    """
    parts = given or (_ON_GPU if device == "cuda" else list(table.PARTS))
    if unknown := [name for name in parts if name not in table.PARTS]:
        raise InputError(f"part {unknown[0]!r} is not known; choices: {', '.join(table.PARTS)}")
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device {device}: choices: cpu, cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("--device cuda: PyTorch sees no GPU here; choices: cpu")
    return parts


def _counts(trials: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(count) for count in trials.split(","))
    except ValueError:
        counts = ()
    if not counts or min(counts) < 10:
        raise InputError(f"--trials {trials}: whole numbers from 10, separated by commas")
    return counts


def _go_on(record: Record, run: Run, again: list[str]) -> Run:
    """The run with the parts that the same code has measured under the same conditions."""
    for old in record.runs:
        if old.same_conditions(run):
            kept = {name: part for name, part in old.parts.items() if name not in again}
            return run.model_copy(update={"parts": kept})
    return run


def _measure(name: str, arguments: list[str], ends: float) -> Part | None:
    """Run one part in its own process, its rows printed as they come; None if it did not end."""
    remaining = ends - time.monotonic()
    if remaining <= 0:
        return None
    print(f"{name} ...", flush=True)
    began = time.monotonic()
    threads = dict.fromkeys(_THREADS, str(cores()))
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        command = [sys.executable, "-m", f"bench.parts.{name}", *arguments, "--json", str(rows)]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **threads}, timeout=remaining
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode:
            return None
        results = [Result.model_validate_json(line) for line in rows.read_text().splitlines()]
    return Part(seconds=round(time.monotonic() - began, 1), results=tuple(results))


def _write(path: Path, record: Record) -> None:
    records.write(path, record)
    all_records = [records.read(one, one.stem) for one in sorted(path.parent.glob("*.json"))]
    path.with_name("README.md").write_text(table.markdown(all_records))


if __name__ == "__main__":
    try:
        typer.run(main)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
