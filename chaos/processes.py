"""Finding and killing processes of a study by what they are called, among our own children only."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE = 300.0  # seconds to wait for what must happen


def descendants(pid: int) -> dict[int, str]:
    """Command lines of all processes below one, by process number."""
    parents, family = _parents(), {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return {child: _command(child) for child in family - {pid}}


def kill_one(pid: int, titled: str) -> str:
    """SIGKILL one descendant whose command line holds the words; returns its command line.

    Raises:
        LookupError: there is none.
    """
    for child, command in sorted(descendants(pid).items(), reverse=True):
        if titled in command:
            os.kill(child, signal.SIGKILL)
            return command
    seen = sorted({command[:60] for command in descendants(pid).values()})
    raise LookupError(f"no process is called {titled!r}: {seen}")


def kill_all(pid: int, chosen: Callable[[str], bool] = bool) -> None:
    """SIGKILL all descendants, or those whose command line is chosen, youngest first.

    Raises:
        LookupError: there is none.
    """
    doomed = [child for child, command in descendants(pid).items() if chosen(command)]
    if not doomed:
        raise LookupError(f"process {pid} has none of these descendants")
    for child in sorted(doomed, reverse=True):
        with suppress(ProcessLookupError):  # it ended with one that was killed before it
            os.kill(child, signal.SIGKILL)


def wait_for(what: str, happened: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Look again and again until it has happened.

    Raises:
        TimeoutError: it did not.
    """
    end = time.monotonic() + patience
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {patience:g} s in vain for: {what}")
        time.sleep(0.05)


def _parents() -> dict[int, int]:
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue  # it has just ended
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""
