"""cluster.yaml brought up over ssh, a study run on it with `ray submit`, and taken down again."""

import json
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import launcher
import pytest
import yaml
from machine import HEAD, MISSING, WORKERS, Machine, machine, processes_of
from tiny_study import TINY
from transcript import NewTranscript, Transcript

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@pytest.fixture
def nodes(folder: Path) -> Iterator[Machine]:
    with machine(folder) as made:
        yield made


def test_up_submit_exec_down(nodes: Machine, folder: Path, transcript: NewTranscript) -> None:
    config, study = folder / "cluster.yaml", folder / "tiny.yaml"
    config.write_text(yaml.safe_dump(launcher.here(nodes, folder.name)))
    # Two workers a trial, and one CPU a node: every trial spans both worker nodes.
    study.write_text(yaml.safe_dump(TINY | {"runtime": {"num_workers": 2}}))
    # With the newer autoscaler one worker fewer would start.
    environment = nodes.environment | {"RAY_UP_enable_autoscaler_v2": "0"}
    told = transcript("ray up, submit, exec, down", environment)

    told.run("ray", "up", str(config), "--yes")
    # Else `ray down` would end every Ray on this machine.
    assert str(folder) in told.run("ray", "exec", str(config), "cat $(command -v ray)")
    wait_for_nodes(told, config, 3)
    token = nodes.home(HEAD) / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    told.run("ray", "rsync-up", str(config), str(study), "~/studies/tiny.yaml")
    submit = ["ray", "submit", str(config), "orchestrator/__main__.py"]
    printed = told.run(*submit, "run", "studies/tiny.yaml", "--address", "auto")
    assert "written to results/tiny" in printed
    outcomes = [json.loads(p.read_text()) for p in (folder / "store/trials").glob("*/outcome.json")]
    assert [outcome["state"] for outcome in outcomes] == ["done", "done"]
    assert [outcome["provenance"]["workers"] for outcome in outcomes] == [2, 2]
    # Results come back.
    told.run("ray", "rsync-down", str(config), "~/results/tiny", str(folder / "results"))
    assert "4x4" in (folder / "results/tiny/table_1.md").read_text()
    doctor = "maskgrid doctor studies/tiny.yaml --address auto"
    assert "of" in told.run("ray", "exec", str(config), doctor)
    # The same command goes on, here with nothing left to do.
    assert "2 cached, 0 to run" in told.run(
        *submit, "run", "studies/tiny.yaml", "--address", "auto"
    )

    told.run("ray", "down", str(config), "--yes")
    assert not rays_of(nodes, HEAD)
    # Only the head is told; workers of one's own end once they have missed it for a while.
    deadline = time.monotonic() + 240
    while left := [pid for address in WORKERS for pid in rays_of(nodes, address)]:
        assert time.monotonic() < deadline, left
        time.sleep(1)


def wait_for_nodes(told: Transcript, config: Path, count: int) -> None:
    """Until the cluster has so many nodes; every look but the last is struck from the transcript."""
    deadline = time.monotonic() + 300
    while f" {count} local.cluster.node" not in told.run("ray", "exec", str(config), "ray status"):
        assert time.monotonic() < deadline
        told.said.pop()
        time.sleep(2)


def rays_of(nodes: Machine, address: str) -> list[int]:
    """Ray's processes of one node."""
    found = []
    for pid in processes_of(nodes.home(address)):
        with suppress(OSError):
            if "ray" in Path(f"/proc/{pid}/comm").read_text():
                found.append(pid)
    return found
