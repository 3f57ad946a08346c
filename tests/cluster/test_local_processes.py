"""Ray's processes of a local cluster: deaf to signals of the group, missed as soon as they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT
from default_signals import default_signals

from chaos.processes import kill_one, wait_for

PROGRAM = """
import json, os, signal, sys
from orchestrator.cluster.connection import connected

with connected("local", command="maskgrid run study.yaml"):
    import ray

    caught = []
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    for number in numbers:
        signal.signal(number, lambda number, _: caught.append(number))
    for number in numbers:
        os.killpg(0, number)
    nice = ray.get(ray.remote(num_cpus=0)(lambda: os.nice(0)).remote(), timeout=100)
    print(json.dumps([sorted(caught), nice - os.nice(0), os.getcwd()]), flush=True)
    sys.stdin.readline()
    ray.get(ray.remote(num_cpus=0)(lambda: __import__("time").sleep(100)).remote())
"""


@pytest.mark.ray
@pytest.mark.parametrize("name", ["gcs_server", "raylet"])
def test_signals_pass_ray_by_and_its_end_is_said_at_once(name: str, tmp_path: Path) -> None:
    with default_signals():
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=tmp_path, text=True, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    assert process.stdout is not None
    caught, nice, folder = json.loads(process.stdout.readline())
    # This process heard each of them, Ray's heard none: a worker was started after them.
    assert caught == [1, 2, 15]
    # Workers compute at the priority that the command was given, and this process is where it was.
    assert nice == 0
    assert folder == str(tmp_path)
    kill_one(process.pid, f"/{name} ")
    wait_for("the end", lambda: process.poll() is not None)
    _, said = process.communicate()
    assert process.returncode == 1
    # One line, with the command that goes on.
    (line,) = said.split("\n")[1:-1] if said.startswith("\n") else said.splitlines()
    assert line.startswith(f"Ray's {name} has ended")
    assert line.endswith("to go on: maskgrid run study.yaml")
