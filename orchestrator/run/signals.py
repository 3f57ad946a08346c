"""Ctrl-C, SIGTERM and a closed terminal: the first stops a study in good order, a second at once.

A study can be killed at any moment without losing an epoch that ended; good order means that its
processes are gone, its tables written, and what is left to do is said.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPING = b"\nstopping in good order; once more stops at once\n"
AT_ONCE = b"\nstopped at once; what was written is kept\n"


class SignalHandler:
    """What a signal does, which depends on what is being done.

    Args:
        code: exit code of a process that is stopped at once.
    """

    def __init__(self, code: int = 1) -> None:
        self.asked = False
        """Whether somebody asked for the study to stop."""
        self._code = code
        self._caught = False
        self._taken: tuple[signal.Signals, ...] = ()
        self._first: Callable[[], None] = _raise

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take over the signals; by default the first raises KeyboardInterrupt."""
        found = {number: signal.getsignal(number) for number in _SIGNALS}
        # Whoever had it ignored, as `nohup` has a closed terminal, still wants that.
        before = {number: how for number, how in found.items() if how is not signal.SIG_IGN}
        self._taken = tuple(before)
        self._caught = True
        self.catch_again()
        try:
            yield
        finally:
            self._caught = False
            for number, handler in before.items():
                signal.signal(number, handler)

    def catch_again(self) -> None:
        """Take the signals back from whoever took them: Ray takes SIGTERM as it starts."""
        if self._caught:
            for number in self._taken:
                signal.signal(number, self._handle)

    @contextmanager
    def doing(self, first: Callable[[], None]) -> Iterator[None]:
        """Call this at the first signal instead, for as long as the context lasts."""
        outer, self._first = self._first, first
        try:
            yield
        finally:
            self._first = outer

    def _handle(self, number: int, frame: Any) -> None:
        if self.asked:
            os.write(2, AT_ONCE)
            os._exit(self._code)
        self.asked = True
        os.write(2, STOPPING)
        self._first()


def _raise() -> None:
    raise KeyboardInterrupt


def stop_tune() -> None:
    """Ask Tune, which is at work in this thread, to stop: this signal is the one it leaves us."""
    if signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL:  # Tune has begun
        signal.raise_signal(signal.SIGUSR1)


def go_on() -> None:
    """Finish what is being done, since it takes a moment only."""
