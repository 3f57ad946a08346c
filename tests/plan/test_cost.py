"""What a study would cost, against sums worked out by hand."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from model.epoch_row import EpochRow
from model.errors import InputError
from orchestrator.cli import app
from orchestrator.plan.cost import Estimate, estimate_cost, makespan, refuse_above
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.store.ledger import Outcome
from orchestrator.store.paths import Paths
from studies import StudyWriter

HALF_MINUTE = 30.0


def finish(plan: Plan, task: str, wall: float, **provenance: Any) -> None:
    """As if the first trial of a task had trained its two epochs, half a minute each."""
    key = next(key for key, trial in plan.graph.trials.items() if trial.task == task)
    rows = [
        EpochRow(epoch, epoch, 0.1, 1.0, None, None, None, 1.0, None, 5, HALF_MINUTE - 1, 1.0)
        for epoch in (1, 2)
    ]
    from orchestrator.store.schemas import epochs_to_parquet

    plan.ledger.write_spec(plan.graph.trials[key])
    plan.ledger.begin_attempt(key, {})
    plan.ledger.store.write(Paths.epochs(key), epochs_to_parquet(key, rows))
    about = {"workers": 1, "gpu": None, "cpu": "a CPU", **provenance}
    done = Outcome(state="done", finished_at="x", wall_seconds=wall, provenance=about)
    plan.ledger.finish(key, b"w" * 1000, done)


@pytest.fixture
def study(write_study: StudyWriter) -> Path:
    """Baseline, and two cells of a pretraining and a finetuning each."""
    return write_study()


def plan_of(study: Path) -> Plan:
    return make_plan(study, str(study.parent / "store"))


def test_what_was_never_trained_is_unknown(study: Path) -> None:
    found = estimate_cost(plan_of(study), at_once=2)
    assert (found.trials, found.unknown, found.wall_seconds) == (5, 5, 0.0)
    assert found.lines() == [
        "cost unknown for 5 of 5 trials: none like them has been trained in this store"
    ]


def test_trials_cost_what_those_like_them_took(study: Path) -> None:
    finish(plan_of(study), "classify", wall=70.0)
    found = estimate_cost(plan_of(study), at_once=2)
    # Two finetunings of 2 epochs of 30 s and 10 s beside; the two pretrainings nobody knows.
    assert (found.trials, found.unknown) == (4, 2)
    assert found.worker_hours == pytest.approx(2 * 70 / 3600)
    # Weights, and two checkpoints of thrice their size for each of the two at work.
    assert found.disk_bytes == 2 * 1000 + 2 * 2 * 3 * 1000
    assert found.gpu_hours == 0


def test_wall_time_counts_parents_before_children(study: Path) -> None:
    for task in ("classify", "restore"):
        finish(plan_of(study), task, wall=60.0)
    # Left: one pretraining, its finetuning, and the finetuning of the one that is done.
    assert estimate_cost(plan_of(study), at_once=1).wall_seconds == 180
    assert estimate_cost(plan_of(study), at_once=2).wall_seconds == 120
    assert estimate_cost(plan_of(study), at_once=9).wall_seconds == 120


@pytest.mark.parametrize("change", [{"workers": 2}])
def test_trials_with_other_workers_say_nothing(study: Path, change: dict[str, Any]) -> None:
    finish(plan_of(study), "classify", wall=70.0, **change)
    assert estimate_cost(plan_of(study), at_once=1).unknown == 4


def test_another_network_says_nothing(study: Path, write_study: StudyWriter) -> None:
    finish(plan_of(study), "classify", wall=70.0)
    assert estimate_cost(plan_of(write_study(model={"blocks": 2})), at_once=1).unknown == 5


def test_more_epochs_cost_more(study: Path, write_study: StudyWriter) -> None:
    finish(plan_of(study), "classify", wall=70.0)
    longer = estimate_cost(plan_of(write_study(finetune={"epochs": 10})), at_once=1)
    # Three finetunings of 10 epochs; the two pretrainings stay unknown.
    assert longer.worker_hours == pytest.approx(3 * (10 * HALF_MINUTE + 10) / 3600)


def test_hours_of_gpus_are_counted_and_refused(study: Path) -> None:
    for task in ("classify", "restore"):
        finish(plan_of(study), task, wall=60.0, gpu="a GPU")
    found = estimate_cost(plan_of(study), at_once=1)
    assert found.gpu_hours == pytest.approx(180 / 3600)
    assert found.hardware == ("a GPU",)
    refuse_above(found, 0.05)
    refuse_above(found, None)
    with pytest.raises(InputError, match=r"--max-gpu-hours 0.04: .* about 0.05 GPU-hours"):
        refuse_above(found, 0.04)


def test_a_limit_refuses_what_nobody_knows(study: Path) -> None:
    with pytest.raises(InputError, match=r"cost of 5 of 5 trials is unknown"):
        refuse_above(estimate_cost(plan_of(study), at_once=1), 1000.0)


def test_a_finished_study_costs_nothing() -> None:
    nothing = Estimate(0, 0, 0.0, 0.0, 0.0, (), 0, 1)
    assert nothing.lines() == []
    refuse_above(nothing, 0.0)


def test_nothing_takes_no_time(study: Path) -> None:
    assert makespan(plan_of(study).graph, {}, at_once=3) == 0.0


@pytest.mark.parametrize("command", ["plan", "run"])
def test_the_command_line_refuses_with_2_and_starts_nothing(
    study: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = study.parent / "store"
    arguments = [command, str(study), "--store", str(store), "--max-gpu-hours", "1"]
    monkeypatch.setattr(sys, "argv", ["maskgrid", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    assert "unknown" in capsys.readouterr().err
    assert not store.exists(), json.dumps([str(path) for path in store.rglob("*")])
