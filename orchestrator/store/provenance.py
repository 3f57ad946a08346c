"""Provenance of a number: code, packages, hardware, time."""

import datetime
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

_PACKAGES = ("maskgrid", "torch", "torchvision", "ray", "numpy", "pyarrow")


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def seconds_since(moment: str) -> float:
    """Seconds from a time that `utc_now` returned."""
    then = datetime.datetime.fromisoformat(moment)
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds()


def code_provenance() -> dict[str, Any]:
    """Versions of the packages that matter, and the commit of the checkout, if there is one."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"versions": versions, "python": platform.python_version(), **_commit()}


def machine_provenance() -> dict[str, Any]:
    """The processor and system this runs on; no host or user name."""
    return {"system": platform.system(), "machine": platform.machine(), "cpu": _cpu_name()}


def _commit() -> dict[str, Any]:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _git(root, "rev-parse", "HEAD")
    # What a study or a benchmark writes (results) does not change what produced it.
    changed = _git(root, "status", "--porcelain", "--", ".", ":!results", ":!bench/results")
    return {"commit": commit, "dirty": None if changed is None else bool(changed)}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
