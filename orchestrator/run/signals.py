"""Ctrl-C, SIGTERM and a closed terminal: the first stops a study in good order, a second at once,
and so does a minute without an end.

A study can be killed at any moment without losing an epoch that ended. Good order means that its
processes have ended, its tables are written, and what remains to be done is printed.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from orchestrator.cluster.local_processes import end_at_once

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = b"\nstopping in good order; once more stops at once\n"
AT_ONCE = "stopped at once; what was written is kept"
_DEADLINE = 60.0  # seconds; in good order takes a few


class SignalHandler:
    """Decides what a signal does, which depends on what is being done.

    Args:
        code: exit code of a process that is stopped at once.
    """

    def __init__(self, code: int = 1) -> None:
        self.stop_requested = False
        """Whether a first signal has come."""
        self._code = code
        self._active = False
        self._caught: tuple[signal.Signals, ...] = ()
        self._requests = -1
        """Pipe that the first signal writes to, for the thread that sees to the deadline."""
        self._on_first: Callable[[], None] = _raise

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take over the signals; by default the first raises KeyboardInterrupt."""
        current = {number: signal.getsignal(number) for number in _SIGNALS}
        # Whoever had it ignored, as `nohup` has a closed terminal, still wants that.
        before = {number: how for number, how in current.items() if how is not signal.SIG_IGN}
        self._caught = tuple(before)
        self._active = True
        with self._deadline():
            self.catch_again()
            try:
                yield
            finally:
                self._active = False
                for number, handler in before.items():
                    signal.signal(number, handler)

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """End the process if a first signal has not ended it in time, inside the context."""
        requests, self._requests = os.pipe()
        thread = threading.Thread(target=self._end_in_time, args=(requests,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.close(self._requests)
            thread.join()
            os.close(requests)

    def _end_in_time(self, requests: int) -> None:
        # In a thread: the main one may be deep in Ray, where it handles no signal either.
        if os.read(requests, 1) and not select.select([requests], [], [], _DEADLINE)[0]:
            end_at_once(f"not stopped after {_DEADLINE:g} s; {AT_ONCE}", self._code)

    def catch_again(self) -> None:
        """Take the signals back from whoever took them: Ray takes SIGTERM as it starts."""
        if self._active:
            for number in self._caught:
                signal.signal(number, self._handle)

    @contextmanager
    def on_first(self, action: Callable[[], None]) -> Iterator[None]:
        """Call this at the first signal instead, for as long as the context lasts."""
        outer, self._on_first = self._on_first, action
        try:
            yield
        finally:
            self._on_first = outer

    def deferred(self) -> AbstractContextManager[None]:
        """Let the first signal only set `stop_requested`, for as long as the context lasts."""
        return self.on_first(lambda: None)

    def _handle(self, number: int, frame: Any) -> None:
        if self.stop_requested:
            end_at_once(AT_ONCE, self._code)
        self.stop_requested = True
        os.write(self._requests, b".")
        os.write(2, STOPPING)
        self._on_first()


def _raise() -> None:
    raise KeyboardInterrupt


def stop_tune() -> None:
    """Ask Tune, which is running in this thread, to stop: this signal is the one it leaves us."""
    if signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL:  # Tune has begun
        signal.raise_signal(signal.SIGUSR1)
