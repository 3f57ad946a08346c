"""A study sent to a running, authenticated cluster: followed, stopped, sent again, continued."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from machine import ROOT, Machine, end_whatever_carries, free_ports, home_of_a_client
from tiny_study import TINY
from transcript import NewTranscript, Transcript

pytestmark = pytest.mark.cluster

LIGHT_MIB = 5


@pytest.fixture
def client(folder: Path) -> Iterator[Machine]:
    """A user with a token, and no ssh server."""
    made = home_of_a_client(folder)
    with end_whatever_carries(folder / "client"):
        yield made


def test_a_job_is_followed_stopped_and_continued(
    client: Machine, folder: Path, transcript: NewTranscript
) -> None:
    gcs, dashboard, client_server = free_ports(3)
    study, outcomes = folder / "tiny.yaml", folder / "store" / "trials"
    study.write_text(yaml.safe_dump(TINY | {"seeds": [0, 1]}))
    environment = dict(client.environment)
    del environment["PYTHONPATH"]  # the code is the one that travels
    told = transcript("ray job submit, stop, and again", environment, ROOT)
    told.run(
        *("ray", "start", "--head", "--num-cpus=1", "--node-ip-address=127.0.0.11"),
        *(f"--port={gcs}", f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"),
        *(f"--ray-client-server-port={client_server}", "--dashboard-agent-listen-port=0"),
        *("--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"),
    )  # fmt: skip
    at = ("--address", f"http://127.0.0.1:{dashboard}")
    run = ["python", "-m", "orchestrator", "run", str(study), "--store", str(folder / "store")]
    run += ["--results", str(folder / "results")]
    submit = ["ray", "job", "submit", *at, "--working-dir", "."]

    told.run(*submit, "--no-wait", "--submission-id", "first", "--", *run)
    wait_for(lambda: finished(outcomes), told, at)
    told.run("ray", "job", "stop", *at, "first")
    assert "was stopped" in told.run("ray", "job", "status", *at, "first")
    logs = told.run("ray", "job", "logs", *at, "first")
    assert "4 trials requested, 4 unique, 0 cached, 4 to run" in logs
    before = finished(outcomes)
    assert 0 < len(before) < 4
    # Whoever has no token is refused.
    assert "401" in without_token(told, dashboard)

    logs = told.run(*submit, "--submission-id", "second", "--", *run)
    assert f"{len(before)} cached" in logs
    assert "succeeded" in logs
    assert len(finished(outcomes)) == 4
    # What was finished is not trained again.
    assert {
        path: written for path, written in finished(outcomes).items() if path in before
    } == before
    assert (folder / "results" / "table_1.md").exists()


def finished(outcomes: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in outcomes.glob("*/outcome.json")}


def wait_for(something: object, told: Transcript, at: tuple[str, str]) -> None:
    deadline = time.monotonic() + 300
    assert callable(something)
    while not something():
        assert time.monotonic() < deadline, told.run("ray", "job", "logs", *at, "first")
        time.sleep(0.2)


def without_token(told: Transcript, dashboard: int) -> str:
    url = f"http://127.0.0.1:{dashboard}/api/jobs/"
    return told.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url)


def test_what_travels_is_small() -> None:
    from orchestrator.doctor.cluster_checks import working_directory_size

    size = working_directory_size(ROOT)
    assert size is not None and 0 < size < LIGHT_MIB * 2**20
