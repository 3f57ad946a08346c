"""Two searchers on one store: each trial is trained by one, and both know how it ended."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

from orchestrator.plan.board import Board, State
from orchestrator.run import coordination
from orchestrator.run.coordination import RunCoordinator
from orchestrator.run.searcher import GraphSearcher
from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.graph import build_graph
from orchestrator.study.space import expand_space
from orchestrator.study.spec import StudySpec
from studies import TINY

DONE = Outcome(state="done", finished_at="2026-01-01T00:00:00.000+00:00")
FAILED = DONE.model_copy(update={"state": "failed", "reason": "diverged"})


class Run:
    """One of several runs of the tiny study."""

    def __init__(self, folder: Path) -> None:
        spec = StudySpec.model_validate_json(json.dumps(TINY), strict=True)
        self.ledger = Ledger(Store(str(folder)))
        self.ledger.store.prepare()
        self.board = Board(build_graph(spec, expand_space(spec)))
        self.said: list[str] = []
        self.searcher = GraphSearcher(
            self.board, RunCoordinator(self.ledger, Leases(self.ledger.store)), {},
            say=self.said.append,
        )  # fmt: skip
        self._asked = 0

    def ask(self) -> Any:
        self._asked += 1
        config = self.searcher.suggest(str(self._asked))
        return config["trial_key"] if isinstance(config, dict) else config

    def end(self, asked: int, key: str, outcome: Outcome = DONE) -> None:
        if outcome.state == "done":
            self.ledger.finish(key, b"", outcome)
        else:
            self.ledger.fail(key, outcome)
        self.searcher.on_trial_complete(str(asked))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    monkeypatch.setattr(coordination, "_RETRY_AFTER", (0.0, 0.0))
    return Run(tmp_path), Run(tmp_path)


def test_two_runs_share_the_trials(runs: tuple[Run, Run]) -> None:
    ours, theirs = runs
    taken = [ours.ask(), theirs.ask(), ours.ask()]
    # Baseline and two pretrainings: each is with one run.
    assert len(set(taken)) == 3
    # Nothing is free, and something is at work here: not now.
    assert theirs.ask() is None
    theirs.end(1, taken[1])
    # The pretraining that they trained gives us its child.
    child = ours.ask()
    assert ours.board.graph.trials[child].inputs["weights"] == taken[1]
    assert ours.board.states[taken[1]] is State.DONE


def test_a_run_that_waits_says_for_what_and_who_holds_it(runs: tuple[Run, Run]) -> None:
    ours, theirs = runs
    taken = [ours.ask() for _ in range(3)]
    assert theirs.ask() is None
    expected = {
        f"waiting for {key}: process {os.getpid()} on this machine is training it" for key in taken
    }
    assert set(theirs.said) == expected
    # Once, however often Tune asks; and nobody waits where something is left to do.
    assert theirs.ask() is None
    assert len(theirs.said) == 3
    assert ours.said == []


def test_one_with_nothing_to_do_waits_for_the_others(runs: tuple[Run, Run]) -> None:
    ours, theirs = runs
    taken = [ours.ask() for _ in range(3)]
    # Nothing of its own, but what others are at work on is still to come: this is not the end.
    assert theirs.ask() is None
    ours.end(1, taken[0])
    ours.end(2, taken[1], FAILED)
    ours.end(3, taken[2])
    child = theirs.ask()
    assert theirs.board.graph.trials[child].inputs["weights"] == taken[2]
    # Failures are taken over with their reason, and their children skipped.
    assert theirs.board.reason(taken[1]) == "diverged"
    theirs.end(2, child)
    while (asked := theirs.ask()) is not Searcher.FINISHED and asked != Searcher.FINISHED:
        assert asked is None
    assert State.SKIPPED in theirs.board.states.values()
    assert set(theirs.board.states.values()) == {State.DONE, State.FAILED, State.SKIPPED}


def test_what_ended_since_the_plan_was_made_is_not_trained_again(runs: tuple[Run, Run]) -> None:
    ours, theirs = runs
    first = ours.ask()
    ours.end(1, first)
    # Their board still has it waiting, and its lease is free.
    assert theirs.board.states[first] is State.WAITING
    assert theirs.ask() != first
    assert theirs.ask() != first
    assert theirs.board.states[first] is State.DONE


def test_a_store_that_fails_ends_the_study_without_a_verdict_on_the_trial(
    runs: tuple[Run, Run], tmp_path: Path
) -> None:
    ours, _ = runs
    key = ours.ask()
    ours.ledger.store.delete(Paths.schema)
    ours.searcher.on_trial_complete("1", error=True)
    assert "is gone" in str(ours.searcher.broken)
    # It neither failed nor is anything else started.
    assert ours.board.states[key] is State.RUNNING
    assert ours.ask() == Searcher.FINISHED
    ours.board.stop()
    assert ours.board.states[key] is State.WAITING


def test_nothing_is_offered_once_somebody_asked_to_stop(tmp_path: Path) -> None:
    run = Run(tmp_path)
    stopping = [False]
    run.searcher._stopping = lambda: stopping[0]
    key = run.ask()
    stopping[0] = True
    assert run.ask() is None
    run.end(1, key)
    assert run.ask() == Searcher.FINISHED
