"""The measurements of a machine: one JSON file with one entry for each version of the code."""

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from bench.harness.part import ROOT
from bench.harness.result import Result
from model.config.base import Config
from model.errors import InputError
from model.fsync import flush
from orchestrator.store import provenance


class Part(Config):
    """One part's rows."""

    seconds: float
    """Wall seconds that measuring took."""
    results: tuple[Result, ...]


class Run(Config):
    """All that was measured of one version."""

    code: str
    """Digest of the sources, measured and measuring: names the version without git."""
    commit: str | None
    date: str | None
    """Day of the commit."""
    dirty: bool | None
    rounds: int
    trials: tuple[int, ...]
    provenance: dict[str, Any]
    parts: dict[str, Part] = Field(default_factory=dict)

    def same_conditions(self, other: "Run") -> bool:
        """Whether parts of the two runs may be reported together."""
        keys = ("code", "rounds", "trials", "provenance")
        return all(getattr(self, key) == getattr(other, key) for key in keys)


class Record(Config):
    """All runs on one machine, oldest first."""

    machine: str
    runs: tuple[Run, ...] = ()

    def with_run(self, run: Run) -> "Record":
        """The record with a run in its place: the last, or that of the same commit and code."""
        kept = [one for one in self.runs if (one.commit, one.code) != (run.commit, run.code)]
        return Record(machine=self.machine, runs=(*kept, run))


def read(path: Path, machine: str) -> Record:
    """The record, empty where there is no file.

    Raises:
        InputError: the file is not a record.
    """
    if not path.exists():
        return Record(machine=machine)
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InputError(f"{path}: not a record of benchmarks ({reason}); move it away") from None


def write(path: Path, record: Record) -> None:
    """Replace the record in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as stream:
        stream.write((json.dumps(record.model_dump(mode="json"), indent=1) + "\n").encode())
        flush(stream)
    part.replace(path)


def new_run(device: str, cores: int, rounds: int, trials: tuple[int, ...]) -> Run:
    """A run of this checkout on this machine, nothing measured yet."""
    code = provenance.code_provenance()
    commit, dirty = code.pop("commit"), code.pop("dirty")
    where = {
        **provenance.machine_provenance(),
        "cores": cores,
        "gpu": _gpu() if device == "cuda" else None,
    }
    return Run(
        code=_digest(),
        commit=commit,
        date=_date() if commit else None,
        dirty=dirty,
        rounds=rounds,
        trials=trials,
        provenance={**code, **where},
    )


def machine_name(run: Run) -> str:
    """A file name for the machine: `intel-xeon-processor-2-50ghz-2-cores`."""
    name = run.provenance["gpu"] or f"{run.provenance['cpu']} {run.provenance['cores']} cores"
    name = re.sub(r"\((r|tm)\)", "", name.lower())
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")


def _gpu() -> str:
    import torch

    return torch.cuda.get_device_name()


def _digest() -> str:
    """Of every Python file of the packages and the studies: equal for equal measurements."""
    digest = hashlib.sha256()
    for folder, pattern in (("bench", "*.py"), ("model", "*.py"), ("orchestrator", "*.py")):
        for path in sorted((ROOT / folder).rglob(pattern)):
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    digest.update((ROOT / "studies" / "quick.yaml").read_bytes())
    return digest.hexdigest()[:16]


def _date() -> str | None:
    command = ["git", "-C", str(ROOT), "show", "-s", "--format=%cs", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or None
