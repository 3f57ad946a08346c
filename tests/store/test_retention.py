"""Which weights stay: by the study's policy, and always those that a child still waits for."""

import io
from typing import Any

import pytest
from hand_ledger import lay, planned, ran
from rich.console import Console

from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan, with_retries
from orchestrator.run.driver import drop_unkept
from orchestrator.store.paths import Paths
from orchestrator.store.study_registry import save_record
from studies import StudyWriter

POLICIES = ("all", "parents", "none")


def keep(policy: str, **change: Any) -> dict[str, Any]:
    return {"runtime": {"keep_weights": policy}, **change}


def tasks_with_weights(plan: Plan) -> list[str]:
    held = plan.ledger.store.sizes(Paths.trials)
    return sorted(t.task for key, t in plan.graph.trials.items() if Paths.weights(key) in held)


def end(plan: Plan) -> str:
    """The end of a run, and what it printed."""
    told = io.StringIO()
    drop_unkept(plan, Console(file=told, width=200))
    return told.getvalue()


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("all", ["classify"] * 3 + ["restore"] * 2), ("parents", ["restore"] * 2), ("none", [])],
)
def test_the_policy_says_what_stays(write_study: StudyWriter, policy: str, kept: list[str]) -> None:
    plan = ran(write_study(**keep(policy)))
    before = {key: plan.ledger.outcome(key) for key in plan.graph.trials}
    told = end(plan)
    assert tasks_with_weights(plan) == kept
    # It is said, and every trial is as done as before.
    assert (f"dropped the weights of {5 - len(kept)} trials" in told) == (len(kept) < 5)
    assert {key: plan.ledger.outcome(key) for key in plan.graph.trials} == before
    assert planned(write_study(**keep(policy))).board.complete
    # A second run has nothing to drop.
    assert end(plan) == ""


def test_the_policy_changes_no_key(write_study: StudyWriter) -> None:
    keys = [set(planned(write_study(**keep(policy))).graph.trials) for policy in POLICIES]
    assert keys[0] == keys[1] == keys[2]


@pytest.mark.parametrize("state", ["failed", "unfinished", "running", None])
def test_weights_that_a_child_waits_for_stay(write_study: StudyWriter, state: str | None) -> None:
    plan = planned(write_study(**keep("none")))
    first, second = [asked for asked in plan.graph.cells if "pretrain" in asked.trials]
    for key in (first.trials["pretrain"], first.trials["finetune"], second.trials["pretrain"]):
        lay(plan.ledger, plan.graph, str(key))
    if state:
        lay(plan.ledger, plan.graph, second.trials["finetune"], state)
    save_record(plan.ledger.store, plan.slot)
    end(plan)
    held = plan.ledger.store.sizes(Paths.trials)
    # The second child may yet be trained, with `--retry-failed` if it failed.
    assert [key for key in plan.graph.trials if Paths.weights(key) in held] == [
        second.trials["pretrain"]
    ]


def test_checkpoints_of_what_is_not_done_stay(write_study: StudyWriter) -> None:
    plan = planned(write_study(**keep("none")))
    failed, unfinished, *_ = plan.graph.trials
    lay(plan.ledger, plan.graph, failed, "failed")
    lay(plan.ledger, plan.graph, unfinished, "unfinished")
    before = plan.ledger.store.sizes(Paths.trials)
    save_record(plan.ledger.store, plan.slot)
    end(plan)
    assert plan.ledger.store.sizes(Paths.trials) == before


@pytest.mark.parametrize(("theirs", "kept"), [("all", 5), ("parents", 2), ("none", 0)])
def test_what_another_study_keeps_stays(write_study: StudyWriter, theirs: str, kept: int) -> None:
    ran(write_study(name="other", **keep(theirs)))
    plan = ran(write_study(**keep("none")))
    end(plan)
    assert len(tasks_with_weights(plan)) == kept


def test_a_note_that_cannot_be_read_keeps_everything(write_study: StudyWriter) -> None:
    plan = ran(write_study(**keep("none")))
    plan.ledger.store.write(Paths.study("other"), b"{")
    assert "all weights stay: " in end(plan)
    assert len(tasks_with_weights(plan)) == 5


def test_a_later_child_has_its_parent_trained_again(write_study: StudyWriter) -> None:
    one = {"space": {"patch_size": {"grid": [2]}}}
    end(ran(write_study(**keep("none", **one))))
    arm = {"name": "slow", "set": {"patch_size": 2, "mask_ratio": 0.5, "finetune.optim.lr": 0.1}}
    plan = planned(write_study(**keep("none", **one, arms=[arm])))
    slow = next(asked for asked in plan.graph.cells if asked.cell.name == "slow")
    retried = with_retries(plan)
    # The parent that both children share, and nothing else.
    assert list(retried.again) == [slow.trials["pretrain"]]
    assert "2 to run, 1 of them again" in retried.summary
    board = retried.board
    waiting = {key for key, state in board.states.items() if state is State.WAITING}
    assert waiting == {slow.trials["pretrain"], slow.trials["finetune"]}
    # The parent is offered first; the child once it is done.
    assert board.next_ready() == slow.trials["pretrain"]
    assert board.next_ready() is None
    board.finish(slow.trials["pretrain"])
    assert board.next_ready() == slow.trials["finetune"]
