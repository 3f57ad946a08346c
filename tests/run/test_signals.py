"""Signals, in a process of their own: what the first does, and what the second."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType

import pytest
from checkout import ROOT
from default_signals import default_signals

# Says that it is ready, waits for signals as the test wants it, and says how it ended.
PROGRAM = """
import signal, sys
from contextlib import nullcontext
from orchestrator.run import signals
from orchestrator.run.signals import SignalHandler, stop_tune

handler = SignalHandler(code=7)
choices = {"raise": nullcontext(), "tune": handler.on_first(stop_tune)}
choices |= {"defer": handler.deferred(), "hang": handler.deferred()}
if sys.argv[1] == "hang":
    signals._DEADLINE = 0.1
caught = []
with handler.caught():
    try:
        with choices[sys.argv[1]]:
            if sys.argv[1] == "tune":
                signal.signal(signal.SIGUSR1, lambda *_: caught.append("Tune"))
            print("ready", flush=True)
            sys.stdin.readline()
            print("went on", *caught, handler.stop_requested, flush=True)
            sys.stdin.readline()
    except KeyboardInterrupt:
        print("raised", flush=True)
"""
LIMIT = 300  # seconds, of which starting Python takes about one


class Process:
    """The program in a process, killed with the context or at its limit: no read waits longer."""

    def __init__(self, first: str, *before: str) -> None:
        with default_signals():
            self.popen = subprocess.Popen(
                [*before, sys.executable, "-c", PROGRAM, first], cwd=ROOT, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        self._limit = threading.Timer(LIMIT, self.popen.kill)

    def __enter__(self) -> "Process":
        self._limit.start()
        assert self.read() == "ready"
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._limit.cancel()
        self.popen.kill()
        self.popen.communicate()

    def read(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        """Send a signal and wait until it was understood."""
        os.kill(self.popen.pid, number)
        assert self.popen.stderr is not None
        assert any(line.startswith("stop") for line in self.popen.stderr), "it ended without a word"

    def enter(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def end(self) -> int:
        self.popen.communicate(timeout=LIMIT)
        return self.popen.returncode


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    with ExitStack() as started:
        yield lambda *arguments: started.enter_context(Process(*arguments))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_does_what_was_requested(
    number: signal.Signals, start: Callable[..., Process]
) -> None:
    for first, expected in (("defer", "went on True"), ("tune", "went on Tune True")):
        process = start(first)
        process.send(number)
        process.enter()
        assert process.read() == expected
        assert process.end() == 0


def test_by_default_it_raises(start: Callable[..., Process]) -> None:
    process = start("raise")
    process.send(signal.SIGTERM)
    assert process.read() == "raised"
    assert process.end() == 0


def test_the_second_signal_ends_at_once(start: Callable[..., Process]) -> None:
    process = start("defer")
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)
    # Whatever it was doing, with the code that was agreed.
    assert process.end() == 7


def test_handlers_are_given_back() -> None:
    from orchestrator.run.signals import SignalHandler

    numbers = (signal.SIGINT, signal.SIGTERM)
    with default_signals():
        before = [signal.getsignal(number) for number in numbers]
        with SignalHandler().caught():
            assert signal.getsignal(signal.SIGINT) != before[0]
        assert [signal.getsignal(number) for number in numbers] == before


def test_a_closed_terminal_does_not_end_what_nohup_started(start: Callable[..., Process]) -> None:
    process = start("defer", "nohup")
    os.kill(process.popen.pid, signal.SIGHUP)
    process.enter()
    # Nothing was caught: `nohup` stays what it is.
    assert process.read() == "went on False"
    process.send(signal.SIGTERM)
    assert process.end() == 0


def test_what_does_not_end_after_a_signal_is_ended(start: Callable[..., Process]) -> None:
    process = start("hang")
    os.kill(process.popen.pid, signal.SIGTERM)
    # Its main thread waits for a line that never comes.
    assert process.popen.wait(LIMIT) == 7
    assert process.popen.stderr is not None
    assert "not stopped after 0.1 s" in process.popen.stderr.read()
