"""Watching a study from its store alone: states, rows and the end, whoever trains."""

import io
import json
from pathlib import Path

import pytest
from command_line import call
from minute_epoch import ROW
from rich.console import Console

from orchestrator.plan.as_json import progress_json
from orchestrator.plan.board import Board, State, board_now
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.run import live_view
from orchestrator.run.live_view import watch
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Outcome
from studies import StudyWriter

DONE = Outcome(state="done", finished_at="2026-01-01T00:00:00.000+00:00")
FAILED = DONE.model_copy(update={"state": "failed", "reason": "diverged"})


@pytest.fixture
def plan(write_study: StudyWriter, tmp_path: Path) -> Plan:
    """Baseline, two pretrainings and their children, nothing trained."""
    made = make_plan(write_study(), str(tmp_path / "store"))
    made.ledger.store.prepare()
    return made


def finish(plan: Plan, key: str, outcome: Outcome = DONE) -> None:
    if outcome.state == "done":
        plan.ledger.finish(key, b"", outcome)
    else:
        plan.ledger.fail(key, outcome)


def shown(plan: Plan) -> str:
    console = Console(file=io.StringIO(), width=80)
    watch(plan, console, once=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_trial_that_another_process_trains_is_running(plan: Plan) -> None:
    baseline, parent, child, *_ = plan.graph.trials
    assert set(board_now(plan.graph, plan.ledger).states.values()) == {State.WAITING}
    others = Leases(plan.ledger.store)
    assert others.take(parent)
    plan.ledger.save_epoch(parent, [ROW], SavedCheckpoint(1, b"w", b"o"))
    finish(plan, baseline)
    assert board_now(plan.graph, plan.ledger).states[parent] is State.RUNNING
    told = shown(plan)
    # State, epochs and the latest loss are those of the ledger; the baseline's epochs count whole.
    assert "1 running" in told
    assert f"{parent}  mask_ratio=0.5,patch_size=2  1/2    val loss 0.2500" in told
    assert "3/10 epochs" in told
    # Whoever trained it is gone: it waits for another run, its epoch still counts.
    others.drop(parent)
    assert board_now(plan.graph, plan.ledger).states[parent] is State.WAITING
    assert "3/10 epochs" in shown(plan)
    assert board_now(plan.graph, plan.ledger).states[child] is State.WAITING


def test_it_ends_with_the_study(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    baseline, first, child, second, other = plan.graph.trials
    monkeypatch.setattr(live_view, "_REFRESH_SECONDS", 0.0)
    ends = iter([(baseline, DONE), (first, FAILED), (second, DONE), (other, DONE)])

    def one_more_ended(*_: object) -> Board:
        board = board_now(plan.graph, plan.ledger)
        if not board.settled:  # it is looked at again after the last one
            finish(plan, *next(ends))
        return board

    monkeypatch.setattr(live_view, "board_now", one_more_ended)
    last = watch(plan, Console(file=io.StringIO()))
    # The failed one's child never comes, so there is nothing more to wait for.
    assert last.settled
    assert last.states[child] is State.SKIPPED
    assert not last.complete
    assert list(ends) == []


def test_progress_json_each_trial_says_where_it_stands(plan: Plan) -> None:
    parent = list(plan.graph.trials)[1]
    plan.ledger.save_epoch(parent, [ROW], SavedCheckpoint(1, b"w", b"o"))
    found = json.loads(json.dumps(progress_json(plan, board_now(plan.graph, plan.ledger))))
    assert found["study"] == "tiny"
    assert found["states"] == {"waiting": 5}
    assert [trial["key"] for trial in found["trials"]] == list(plan.graph.trials)
    told = next(trial for trial in found["trials"] if trial["key"] == parent)
    assert told["cells"] == ["mask_ratio=0.5,patch_size=2"]
    assert (told["epochs_done"], told["epochs"], told["val_loss"]) == (1, 2, 0.25)
    assert told["val_accuracy"] is None


def test_the_command_tells_by_its_exit_code_how_it_ended(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["watch", str(tmp_path / "study.yaml"), "--store", str(tmp_path / "store")]
    assert call(monkeypatch, *arguments, "--json") == 0
    assert json.loads(capsys.readouterr().out)["states"] == {"waiting": 5}
    assert call(monkeypatch, *arguments, "--once") == 0
    for key in plan.graph.trials:
        finish(plan, key)
    assert call(monkeypatch, *arguments) == 0
    first = next(iter(plan.graph.trials))
    plan.ledger.forget_outcome(first)
    finish(plan, first, FAILED)
    assert call(monkeypatch, *arguments) == 1
    # Looking changes nothing.
    assert not (tmp_path / "results").exists()
