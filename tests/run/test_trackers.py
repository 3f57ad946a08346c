"""What trackers are told, read back with the trackers' own readers."""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from wandb_files import name_and_history

from model.errors import InputError
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.run.driver import RunOptions, run_study
from orchestrator.run.trackers.callbacks import check_trackers
from orchestrator.store.store import Store
from orchestrator.study.runtime import Runtime
from studies import StudyWriter

ONE_CELL = {"space": {"patch_size": {"grid": [4]}, "mask_ratio": {"grid": [0.5]}}}
BOTH = ("mlflow", "wandb")
# One scalar by epoch of every trial: {key: {metric: [(epoch, value), ...]}}
Curves = dict[str, dict[str, list[tuple[int, float]]]]
# Ray's loggers write the step once more as a metric.
STEP = "training_iteration"


def run(study: Path) -> Plan:
    root = study.parent
    plan = make_plan(study, str(root / "store"))
    options = RunOptions(results=root / "results", cache=root / "cache", dashboard=False)
    assert run_study(plan, options, Console(quiet=True))
    return plan


def recorded(plan: Plan) -> Curves:
    """What the ledger says that a tracker must show."""
    curves: Curves = {}
    for key in plan.graph.trials:
        for row in plan.ledger.rows(key):
            for name, value in row.flat().items():
                if name != "epoch" and value is not None:
                    curves.setdefault(key, {}).setdefault(name, []).append((row.epoch, value))
    return curves


def key_of(name: str) -> str:
    """The key in a trial's readable name: its stage comes first, its hash last."""
    task = {"pretrain": "restore", "finetune": "classify"}[name.partition("-")[0]]
    return f"{task}-{name.rpartition('-')[2]}"


def in_tensorboard(folder: Path) -> Curves:
    return {key_of(trial.name): of_events(trial) for trial in filter(Path.is_dir, folder.iterdir())}


def of_events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag.removeprefix("ray/tune/"): [(e.step, e.value) for e in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def in_mlflow(folder: Path) -> Curves:
    import mlflow

    client = mlflow.MlflowClient(folder.as_uri())
    experiment = client.get_experiment_by_name("tiny")
    runs = client.search_runs([experiment.experiment_id])
    # One run a trial, all of them ended.
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.info.run_name for run in runs}) == len(runs)
    return {
        key_of(run.info.run_name): {
            name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics.keys() - {STEP}
        }
        for run in runs
    }


def in_wandb(folder: Path) -> Curves:
    curves: Curves = {}
    for path in folder.glob("offline-run-*/*.wandb"):
        name, history = name_and_history(path)
        for row in history:
            for metric in row.keys() - {STEP}:
                if not metric.startswith("_"):
                    points = curves.setdefault(key_of(name), {}).setdefault(metric, [])
                    points.append((row["_step"], row[metric]))
    return curves


def sorted_values(curves: Curves) -> Any:
    return {
        key: {name: sorted(points) for name, points in of.items()} for key, of in curves.items()
    }


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_trackers_show_what_the_ledger_holds(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    study = write_study(**ONE_CELL, runtime={"trackers": list(BOTH)})
    plan = run(study)
    store, expected = study.parent / "store", recorded(plan)
    assert {len(points) for of in expected.values() for points in of.values()} == {2}
    # Event files hold single precision.
    shown = in_tensorboard(store / "tune" / "tiny")
    assert shown.keys() == expected.keys()
    for key, curves in expected.items():
        assert shown[key].keys() == curves.keys()
        for name, points in curves.items():
            assert [s for s, _ in shown[key][name]] == [s for s, _ in points]
            assert [v for _, v in shown[key][name]] == pytest.approx(
                [v for _, v in points], rel=1e-6
            )
    assert sorted_values(in_mlflow(store / "mlflow")) == expected
    assert sorted_values(in_wandb(store / "wandb")) == expected
    # Nothing that W&B wrote tells the key or the machine.
    written = b"".join(path.read_bytes() for path in (store / "wandb").rglob("*") if path.is_file())
    assert b"kkkkkkkk" not in written
    assert b"node_ip" not in written

    # A trial that is started again goes on in its own MLflow run.
    plan.ledger.forget_outcome(plan.graph.cells[0].trials["finetune"])
    assert sorted_values(recorded(run(study))).keys() == in_mlflow(store / "mlflow").keys()


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
def test_curves_are_in_the_store_while_the_study_runs(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.run.searcher import GraphSearcher

    study = write_study(space=None, tables=[])
    seen: list[int] = []

    def look(self: GraphSearcher, trial_id: str, result: dict[str, Any]) -> None:
        digits, epochs = result["trial_key"].rpartition("-")[2], len(seen)
        (folder,) = (study.parent / "store" / "tune" / "tiny").glob(f"*-{digits}")
        deadline = time.monotonic() + 30
        while len(of_events(folder).get("val_loss", [])) < epochs and time.monotonic() < deadline:
            time.sleep(0.1)
        seen.append(len(of_events(folder).get("val_loss", [])))

    monkeypatch.setattr(GraphSearcher, "on_trial_result", look)
    run(study)
    # Tune tells its searcher before its loggers: at each report, all epochs before it are there.
    assert seen[:2] == [0, 1]


def test_a_missing_package_is_refused_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "wandb" else real(n))
    check_trackers(Runtime(trackers=("mlflow",)), Store(str(tmp_path)))
    with pytest.raises(InputError, match=r"'wandb'.*pip install 'maskgrid\[wandb\]'"):
        check_trackers(Runtime(trackers=BOTH), Store(str(tmp_path)))


def test_a_bucket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'mlflow'.*is not a folder"):
        check_trackers(Runtime(trackers=BOTH), Store("mock://bucket"))
    check_trackers(Runtime(), Store("mock://bucket"))


def test_a_refused_tracker_leaves_nothing_behind(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    study = write_study(runtime={"trackers": ["mlflow"]})
    with pytest.raises(InputError, match="mlflow"):
        run(study)
    assert not (study.parent / "store").exists()


def test_trackers_change_no_key(write_study: StudyWriter, tmp_path: Path) -> None:
    plain = make_plan(write_study(), str(tmp_path))
    tracked = make_plan(write_study(runtime={"trackers": list(BOTH)}), str(tmp_path))
    assert plain.graph.trials.keys() == tracked.graph.trials.keys()
