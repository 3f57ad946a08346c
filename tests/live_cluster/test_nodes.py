"""Several nodes: trials that span them, drivers off the accelerators, images staged on each, and a
node lost while an elastic trial trains."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from machine import ROOT, end_whatever_carries
from ray.cluster_utils import Cluster
from tiny_study import TINY

from orchestrator.plan.plan import make_plan
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import Store

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]


class Nodes:
    """A head without CPUs, and worker nodes of one CPU, each with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cluster = Cluster()
        self.add("head", num_cpus=0)

    def add(self, name: str, num_cpus: int = 1) -> Any:
        """Start a node; what it caches lies in `folder/name`."""
        home = self.folder / name
        home.mkdir()
        return self.cluster.add_node(num_cpus=num_cpus, env_vars={"HOME": str(home)})

    def run(self, study: Path, store: str, *more: str) -> subprocess.Popen[str]:
        """`maskgrid run` on the head."""
        environment = os.environ | {"HOME": str(self.folder / "head"), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "run", str(study), "--store",
             str(self.folder / store), "--results", str(self.folder / "results"),
             "--address", self.cluster.address, *more],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


@pytest.fixture
def nodes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    with end_whatever_carries(folder):
        made = Nodes(folder)
        yield made
        ray.shutdown()
        made.cluster.shutdown()


def write(folder: Path, **change: Any) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | change))
    return path


def actors(driver: subprocess.Popen[str]) -> dict[str, set[str]]:
    """Nodes on which actors of each class were seen until the driver ended."""
    seen: dict[str, set[str]] = {}
    deadline = time.monotonic() + 300
    while driver.poll() is None:
        assert time.monotonic() < deadline, end(driver)
        for actor in ray._private.state.actors().values():
            if actor["State"] == "ALIVE":
                seen.setdefault(actor["ActorClassName"], set()).add(actor["Address"]["NodeID"])
        time.sleep(0.3)
    return seen


def test_trials_span_nodes_and_drivers_stay_on_the_head(nodes: Nodes) -> None:
    workers = {nodes.add(name).node_id for name in ("left", "right")}
    ray.init(address=nodes.cluster.address)
    study = write(nodes.folder, runtime={"num_workers": 2})
    driver = nodes.run(study, "store")
    seen = actors(driver)
    printed, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, printed
    # Each trial's two workers were on two nodes.
    trained = next(found for name, found in seen.items() if "RayTrainWorker" in name)
    assert trained == workers
    # Trials and controllers, which only wait, took no place on nodes that train.
    for name in ("ImplicitFunc", "TrainController"):
        where = set().union(*(found for actor, found in seen.items() if name in actor))
        assert where and not where & workers, (name, seen)
    # The images were decoded once on every node that trained, and on the head to check them.
    for name in ("left", "right", "head"):
        sets = list((nodes.folder / name / ".cache" / "maskgrid").glob("*/set.json"))
        assert len(sets) == 1, name


def test_an_elastic_trial_goes_on_with_the_nodes_that_are_left(nodes: Nodes) -> None:
    nodes.add("stays")
    lost = nodes.add("lost")
    # Of few and small steps: rounding then stays rounding, so that the ends can be compared.
    slow = {**TINY["finetune"], "epochs": 60, "optim": {"lr": 1e-3, "eps": 1e-3}}
    alone = {"finetune": slow, "space": {}, "baseline": True}
    runtime = {"num_workers": 1, "max_workers": 2}
    study = write(nodes.folder, **alone, runtime=runtime)
    driver = nodes.run(study, "store")
    plan = make_plan(study, str(nodes.folder / "store"))
    (trial,) = plan.graph.trials
    wait_for_epochs(plan.ledger, trial, 3, driver)
    nodes.cluster.remove_node(lost, allow_graceful=False)
    at_loss = len(plan.ledger.peek_rows(trial))
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert at_loss < 60
    outcome = plan.ledger.outcome(trial)
    assert outcome and outcome.provenance["workers"] == 1
    assert len(plan.ledger.attempts(trial)) == 2

    # What it learned is what one worker learns that nothing happened to.
    quiet = nodes.run(write(nodes.folder, **alone), "quiet")
    printed, _ = quiet.communicate(timeout=300)
    assert quiet.returncode == 0, printed
    assert_equal_rows(plan.ledger, Ledger(Store(str(nodes.folder / "quiet"))), trial)


def test_an_elastic_trial_grows_when_a_node_comes(nodes: Nodes) -> None:
    nodes.add("first")
    train = {**TINY["pretrain"], "epochs": 20_000}
    study = write(nodes.folder, pretrain=train, runtime={"num_workers": 1, "max_workers": 2})
    driver = nodes.run(study, "store")
    plan = make_plan(study, str(nodes.folder / "store"))
    parent = next(iter(plan.graph.trials))
    wait_for_epochs(plan.ledger, parent, 20, driver)
    nodes.add("late")
    # Ray looks once a minute; it starts the trial again, with a worker more.
    ray.init(address=nodes.cluster.address)
    deadline = time.monotonic() + 200
    while len(working()) < 2:
        assert driver.poll() is None and time.monotonic() < deadline, end(driver)
        time.sleep(0.5)
    before = len(plan.ledger.peek_rows(parent))
    wait_for_epochs(plan.ledger, parent, before + 20, driver)
    assert len(plan.ledger.attempts(parent)) == 2
    end(driver)


def working() -> set[str]:
    """Nodes with a worker that trains."""
    return {
        actor["Address"]["NodeID"]
        for actor in ray._private.state.actors().values()
        if "RayTrainWorker" in actor["ActorClassName"] and actor["State"] == "ALIVE"
    }


def end(driver: subprocess.Popen[str]) -> str:
    """Stop a driver and return what it printed."""
    driver.kill()
    return driver.communicate(timeout=60)[0]


def wait_for_epochs(ledger: Ledger, key: str, count: int, driver: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 200
    while len(ledger.peek_rows(key)) < count:
        assert driver.poll() is None and time.monotonic() < deadline, end(driver)
        time.sleep(0.1)


def assert_equal_rows(ours: Ledger, theirs: Ledger, key: str) -> None:
    for mine, other in zip(ours.rows(key), theirs.rows(key), strict=True):
        for name, value in asdict(mine).items():
            if value is not None and not name.endswith("seconds"):
                assert value == pytest.approx(asdict(other)[name], rel=1e-3), name
