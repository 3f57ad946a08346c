"""Studies through real Tune and Train on one shared cluster, and the failures they must survive."""

import io
import json
import os
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import ray
from jobs import job_of
from rich.console import Console

from model.errors import InputError
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan, make_plan, with_retries
from orchestrator.run.driver import RunOptions, run_study
from orchestrator.run.trial_names import readable_name
from orchestrator.run.tuner import tune_columns
from orchestrator.store.ledger import DamagedError
from orchestrator.store.paths import Paths
from studies import StudyWriter

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

ONE_CELL = {"space": {"patch_size": {"grid": [4]}, "mask_ratio": {"grid": [0.5]}}}
SECONDS = ("train_seconds", "eval_seconds")


class Bench:
    """Runs studies in one folder and remembers what was printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = io.StringIO()

    def plan(self, study: Path, store: str = "store") -> Plan:
        return make_plan(study, str(self.folder / store))

    def run(self, study: Path, store: str = "store", retry_failed: bool = False) -> bool:
        plan = with_retries(self.plan(study, store), retry_failed)
        results, cache = self.folder / f"results-{store}", self.folder / "cache"
        return run_study(plan, RunOptions(results, cache), Console(file=self.printed, width=200))

    def rows(self, study: Path, store: str = "store") -> dict[str, list[dict[str, Any]]]:
        plan = self.plan(study, store)
        return {
            key: [_comparable(row.flat()) for row in plan.ledger.rows(key)]
            for key in plan.graph.trials
        }


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in row if name not in SECONDS and row[name] is not None}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_study_is_trained_once_and_by_either_executor_alike(
    bench: Bench, write_study: StudyWriter, ray_cluster: str
) -> None:
    inline = write_study(**ONE_CELL)
    assert bench.run(inline)
    # Each trial has all its epochs, and the tables are there.
    rows = bench.rows(inline)
    assert [len(found) for found in rows.values()] == [2, 2, 2]
    tables = bench.folder / "results-store"
    assert "4x4" in (tables / "table_1.md").read_text()
    assert "Gaussian inpainting" in (tables / "table_1.md").read_text()
    assert "baseline" in (tables / "table_2.md").read_text()

    # A second run trains nothing: every outcome stays as it was.
    trials = bench.folder / "store" / "trials"
    before = {path: path.read_bytes() for path in trials.glob("*/outcome.json")}
    assert bench.run(inline)
    assert {path: path.read_bytes() for path in trials.glob("*/outcome.json")} == before

    # Two workers through Ray Train see the same batches: the same keys, the same rows.
    train = write_study(**ONE_CELL, runtime={"executor": "train", "num_workers": 2})
    assert bench.run(train, "train")
    assert_rows_agree(bench.rows(train, "train"), rows)
    provenance = json.loads(
        next((bench.folder / "train/trials").glob("*/outcome.json")).read_text()
    )["provenance"]
    assert provenance["workers"] == 2
    assert provenance["val_images"] == 6  # three of each class
    assert (provenance["num_classes"], provenance["largest_class_share"]) == (2, 0.5)

    # Ray's dashboard has a task of each worker that says which trial it trained.
    plan = bench.plan(train, "train")
    shown = [f"execute.{plan.study.name}-{readable_name(name)}" for name in named(plan)]
    wait_for_tasks(ray_cluster, {name: 2 for name in shown})


def named(plan: Plan) -> list[dict[str, Any]]:
    """What the name of each trial's run is made of."""
    return [
        {"trial_key": key, **found} for key, found in tune_columns(plan.study, plan.board).items()
    ]


def wait_for_tasks(dashboard: str, expected: dict[str, int]) -> None:
    """Until Ray's dashboard lists so many tasks of each name; workers tell it once a second."""
    deadline = time.monotonic() + 60
    while (found := {name: tasks_of(dashboard, name) for name in expected}) != expected:
        assert time.monotonic() < deadline, found


def tasks_of(dashboard: str, name: str) -> int:
    asked = {"filter_keys": "name", "filter_predicates": "=", "filter_values": name}
    request = urllib.request.Request(
        f"http://{dashboard}/api/v0/tasks?{urllib.parse.urlencode(asked)}",
        headers={"Authorization": f"Bearer {os.environ['RAY_AUTH_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return len(json.load(answer)["data"]["result"]["result"])


def assert_rows_agree(
    ours: dict[str, list[dict[str, Any]]], theirs: dict[str, list[dict[str, Any]]]
) -> None:
    assert ours.keys() == theirs.keys()
    for key, found in ours.items():
        for mine, other in zip(found, theirs[key], strict=True):
            assert mine == pytest.approx(other, rel=1e-3)


def test_a_failed_parent_skips_its_children_and_no_others(
    bench: Bench, write_study: StudyWriter
) -> None:
    study = write_study(**ONE_CELL, arms=[{"name": "wild", "set": {"pretrain.optim.lr": 1e30}}])
    # Not every trial is done, so this is no success.
    assert not bench.run(study)
    plan = bench.plan(study)
    wild = next(asked for asked in plan.graph.cells if asked.cell.name == "wild")
    assert plan.board.states[wild.trials["pretrain"]] is State.FAILED
    assert plan.board.states[wild.trials["finetune"]] is State.SKIPPED
    # The failure says where the loss left the numbers, the skip names the failed parent.
    printed = bench.printed.getvalue()
    assert "Diverged: the loss is not finite in epoch" in printed
    assert (
        f"skipped: {wild.trials['finetune']}: its weights input needs {wild.trials['pretrain']}, which failed"
        in printed
    )
    # Everything else went on.
    assert plan.count(State.CACHED) == 3
    assert "failed" in (bench.folder / "results-store" / "table_1.md").read_text()

    # What failed for a reason of its own is not tried again unless asked.
    attempts = len(plan.ledger.attempts(wild.trials["pretrain"]))
    assert not bench.run(study)
    assert len(plan.ledger.attempts(wild.trials["pretrain"])) == attempts
    assert not bench.run(study, retry_failed=True)
    assert len(plan.ledger.attempts(wild.trials["pretrain"])) == attempts + 1


def test_a_child_never_starts_from_scratch_when_its_parent_is_gone(
    bench: Bench, write_study: StudyWriter
) -> None:
    from orchestrator.run.worker import train_inline

    study = write_study(**ONE_CELL, baseline=False)
    assert bench.run(study)
    plan = bench.plan(study)
    parent, child = plan.graph.trials
    trained = bench.rows(study)
    for name in (Paths.weights(parent), Paths.outcome(child), Paths.epochs(child)):
        plan.ledger.store.delete(name)
    job = job_of(plan.ledger.store.uri, child, str(bench.folder / "cache"))
    # The parent counts as done, but its weights are not there: the child must not train.
    with pytest.raises(DamagedError, match=r"weights\.safetensors is gone"):
        train_inline(job)
    assert plan.ledger.rows(child) == []
    assert plan.ledger.outcome(child) is None
    # The study trains the parent again before the child, to the same rows.
    assert bench.run(study)
    assert bench.rows(study) == trained
    assert plan.ledger.has_weights(parent)


def test_a_busy_driver_hangs_no_trial(
    bench: Bench, write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from orchestrator.run.searcher import GraphSearcher

    def busy(self: GraphSearcher, trial_id: str, result: dict[str, Any]) -> None:
        threading.Event().wait(4)  # longer than a trial of this study trains

    monkeypatch.setattr(GraphSearcher, "on_trial_result", busy)
    # Trials that end while the driver looks away still end.
    assert bench.run(write_study(space=None, tables=[]))


def test_a_study_that_cannot_fit_is_refused_before_any_trial(
    bench: Bench, write_study: StudyWriter
) -> None:
    cpus = int(ray.cluster_resources()["CPU"])
    study = write_study(runtime={"num_workers": cpus + 1})
    with pytest.raises(
        InputError, match=rf"needs {cpus + 1} workers of 1 CPUs .* nodes have {cpus} CPUs"
    ):
        bench.run(study)
    # Nothing was started.
    assert not (bench.folder / "store" / "trials").exists()
