"""Memory of this process, as Linux tells it."""

from pathlib import Path


def resident() -> float:
    """Resident memory now, in MB."""
    return _field("VmRSS")


def peak() -> float:
    """The most resident memory so far, in MB."""
    return _field("VmHWM")


def _field(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"/proc/self/status has no {name}")
