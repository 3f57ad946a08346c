"""Signals as a program finds them that is started by hand."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def default_signals() -> Iterator[None]:
    """Start processes that no signal is ignored in, whatever these tests were started from.

    A script's background ignores SIGINT and `nohup` SIGHUP, and so would all that is started from
    there. A handler is not inherited: a new program has the default instead.
    """
    ignored = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
