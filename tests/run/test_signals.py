"""Signals, in a process of their own: what the first does, and what the second."""

import os
import signal
import subprocess
import sys

import pytest
from checkout import ROOT

# Says that it is ready, waits for signals as it was told, and says how it ended.
PROGRAM = """
import signal, sys
from orchestrator.run.signals import Interrupts, go_on, stop_tune
from orchestrator import interrupts as module

interrupts = Interrupts(code=7)
first = {"raise": module._raise, "go_on": go_on, "stop_tune": stop_tune}[sys.argv[1]]
told = []
with interrupts.caught():
    try:
        with interrupts.doing(first):
            if first is stop_tune:
                signal.signal(signal.SIGUSR1, lambda *_: told.append("Tune"))
            print("ready", flush=True)
            sys.stdin.readline()
            print("went on", *told, interrupts.asked, flush=True)
            sys.stdin.readline()
    except KeyboardInterrupt:
        print("raised", flush=True)
"""


class Process:
    def __init__(self, first: str, *before: str) -> None:
        self.popen = subprocess.Popen(
            [*before, sys.executable, "-c", PROGRAM, first], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        """Send a signal and wait until it was understood."""
        os.kill(self.popen.pid, number)
        assert self.popen.stderr is not None
        while not self.popen.stderr.readline().startswith("stop"):
            pass

    def enter(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def end(self) -> int:
        self.popen.communicate()
        return self.popen.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_does_what_was_asked_for(number: signal.Signals) -> None:
    for first, expected in (("go_on", "went on True"), ("stop_tune", "went on Tune True")):
        process = Process(first)
        process.send(number)
        process.enter()
        assert process.read() == expected
        assert process.end() == 0


def test_by_default_it_raises() -> None:
    process = Process("raise")
    process.send(signal.SIGTERM)
    assert process.read() == "raised"
    assert process.end() == 0


def test_the_second_signal_ends_at_once() -> None:
    process = Process("go_on")
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)
    # Whatever it was doing, with the code that was agreed.
    assert process.end() == 7


def test_handlers_are_given_back() -> None:
    from orchestrator.run.signals import SignalHandler

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with SignalHandler().caught():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_closed_terminal_is_no_end_to_what_was_told_to_outlive_it() -> None:
    process = Process("go_on", "nohup")
    os.kill(process.popen.pid, signal.SIGHUP)
    process.enter()
    # Nothing was caught: `nohup` stays what it is.
    assert process.read() == "went on False"
    process.send(signal.SIGTERM)
    assert process.end() == 0
