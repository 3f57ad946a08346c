"""Limits that Ray cannot start under, read in a process that has them."""

import subprocess
import sys

import pytest
from checkout import ROOT

PROGRAM = "from orchestrator.cluster.limits import likely_limits; print(likely_limits())"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("-v 3145728", "3 GiB (address space, ulimit -v)"),
        ("-n 64", "64 (open files, ulimit -n)"),
        ("-u 500", "500 (processes and threads, ulimit -u)"),
    ],
)
def test_a_low_limit_is_named_with_its_value(limit: str, expected: str) -> None:
    command = f"ulimit {limit}; exec {sys.executable} -c '{PROGRAM}'"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("; a likely cause is a limit: "), done.stderr
    assert expected in done.stdout


def test_without_low_limits_none_is_blamed() -> None:
    command = f"ulimit -S -n $(ulimit -H -n); exec {sys.executable} -c '{PROGRAM}'"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    for name in ("ulimit -v", "ulimit -n"):
        assert name not in done.stdout
