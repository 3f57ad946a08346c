"""A Ray cluster of this command's own: private, seen to start workers, missed when it ends."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model.errors import InputError
from orchestrator.cluster import local_processes
from orchestrator.cluster.limits import likely_limits

_WORKER_SECONDS = 60.0


@contextmanager
def in_use(context: Any, command: str) -> Iterator[None]:
    """Use a cluster that has just been started; this process ends when the cluster does.

    Args:
        context: what `ray.init` returned.
        command: what goes on then, for the message.

    Raises:
        InputError: its workers do not start.
    """
    with local_processes.watched(lambda name: _end_without(name, command)):
        _prove_that_workers_start(context)
        yield


def interpreter() -> dict[str, str] | None:
    """The runtime environment in which workers start, where they would not without any.

    Ray hands the interpreter's path to a shell as it is: one with a space in it starts nothing.
    """
    quoted = shlex.quote(sys.executable)
    return None if quoted == sys.executable else {"py_executable": quoted}


def _prove_that_workers_start(context: Any) -> None:
    """Start one worker, which a trial then uses.

    Raises:
        InputError: it does not start; Ray itself would go on trying without a word.
    """
    import ray

    try:
        ray.get(ray.remote(num_cpus=0)(lambda: None).remote(), timeout=_WORKER_SECONDS)
    except ray.exceptions.RayError as error:
        logs = Path(context.address_info["session_dir"]) / "logs"
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"Ray starts, but no worker of its within {_WORKER_SECONDS:g} s: {reason}; the reason "
            f"is in the newest files of {logs}, the interpreter is {sys.executable}"
            f"{likely_limits()}"
        ) from None


def _end_without(name: str, command: str) -> None:
    line = f"Ray's {name} has ended: killed, or out of memory; what was written is kept"
    local_processes.end_at_once(f"{line}; to go on: {command}", 1)
