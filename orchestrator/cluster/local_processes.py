"""Ray's own processes on this machine: what they inherit, and whether they live.

A signal to the whole process group (of a closed terminal, `timeout`, systemd, Slurm) reaches Ray's
processes too. If they ended then, the driver could not stop in good order: they are started with
such signals blocked, and the driver alone answers.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
# Ray itself blocks SIGINT.
_BLOCKED = (signal.SIGTERM, signal.SIGHUP)
# No trial can go on without these; Ray takes a minute to notice, and forty lines to say so.
_VITAL = ("gcs_server", "raylet")
_starting = threading.Event()


@contextmanager
def starting() -> Iterator[None]:
    """Start Ray's processes in our folder and deaf to the signals, while the context lasts.

    Ray puts the driver's current folder first on the path of its workers: in the user's folder
    they would import the user's files instead of ours.
    """
    folder = os.open(".", os.O_RDONLY)  # it may have been removed, and then has no name
    os.chdir(ROOT)
    _starting.set()
    try:
        yield
    finally:
        _starting.clear()
        os.fchdir(folder)
        os.close(folder)


def _after_fork() -> None:
    if _starting.is_set():
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)


# In the children alone: blocked in this process, a signal would wait until Ray has started.
os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def watched(on_end: Callable[[str], None]) -> Iterator[None]:
    """Call back, from a thread, when a process that no trial can do without ends in the context.

    Args:
        on_end: takes the name of the process.
    """
    handles = {os.pidfd_open(pid): name for pid, name in _vital_children().items()}
    over, end = os.pipe()
    thread = threading.Thread(target=_wait, args=(handles, over, on_end), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(end, b".")
        thread.join()
        for descriptor in (over, end, *handles):
            os.close(descriptor)


def _wait(handles: dict[int, str], over: int, on_end: Callable[[str], None]) -> None:
    waiting = select.poll()
    for descriptor in (over, *handles):
        waiting.register(descriptor, select.POLLIN)
    ready = [descriptor for descriptor, _ in waiting.poll()]
    if over not in ready:
        on_end(handles[ready[0]])


def _vital_children() -> dict[int, str]:
    """Names of the vital processes that this one has started, by number; none but on Linux."""
    if not hasattr(os, "pidfd_open"):
        return {}
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = path.read_text().partition("(")[2].rpartition(") ")
        except OSError:
            continue  # it has just ended
        if name in _VITAL and int(fields.split()[1]) == os.getpid():
            children[int(path.parent.name)] = name
    return children


def end_at_once(line: str, code: int) -> NoReturn:
    """Print a line and end this process, whatever its threads are doing; Ray's end with it."""
    cursor = "\x1b[?25h" if os.isatty(1) else ""  # a live view had hidden it
    os.write(2, f"\n{line}{cursor}\n".encode(errors="replace"))
    os._exit(code)
