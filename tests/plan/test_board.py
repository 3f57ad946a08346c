"""The board: which trial is ready, which is next, and what becomes of the others."""

import json
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan.board import Board, State
from orchestrator.study.graph import TrialGraph, TrialSpec
from orchestrator.study.recipes import Cell, cell_recipes
from orchestrator.study.spec import StudySpec
from studies import TINY


def graph_of(**inputs: str | tuple[str, ...] | None) -> TrialGraph:
    """A graph by hand: each trial's inputs by name."""
    spec = StudySpec.model_validate_json(json.dumps(TINY), strict=True)
    recipe = cell_recipes(spec, Cell("base"), seed=0)["finetune"].recipe
    trials = {
        key: TrialSpec(key=key, recipe=recipe, inputs=by_role(names))
        for key, names in inputs.items()
    }
    return TrialGraph(trials, ())


def by_role(names: str | tuple[str, ...] | None) -> dict[str, str]:
    """Inputs under made-up roles."""
    listed = (names,) if isinstance(names, str) else names or ()
    return {f"role{number}": name for number, name in enumerate(listed)}


PAIRS = {"p": None, "c1": "p", "c2": "p", "q": None, "d": "q", "base": None}


def test_children_wait_for_their_parent_and_then_go_first() -> None:
    board = Board(graph_of(**PAIRS))
    started = [board.next_ready() for _ in range(4)]
    # Three parents are ready, no child is.
    assert started == ["p", "q", "base", None]
    board.finish("q")
    board.finish("p")
    # Children go in the order in which their parents ended.
    assert [board.next_ready() for _ in range(4)] == ["d", "c1", "c2", None]
    # An executor holds them, and the baseline still.
    assert board.running == ["c1", "c2", "d", "base"]


def test_a_ready_child_goes_before_a_parent_that_waited_longer() -> None:
    board = Board(graph_of(**PAIRS))
    board.next_ready()
    board.finish("p")
    # Pairs are completed early: a study that is stopped has whole cells.
    assert [board.next_ready() for _ in range(3)] == ["c1", "c2", "q"]


def test_the_deepest_ready_trial_goes_first_then_whichever_was_ready_first() -> None:
    board = Board(graph_of(a=None, b=None, b1="b", b2="b", b11="b1", c=None))
    assert board.next_ready() == "a"
    board.finish("b")  # by another run
    assert [board.next_ready(), board.next_ready()] == ["b1", "b2"]
    board.finish("b1")
    # A grandchild goes before all that is left.
    assert [board.next_ready() for _ in range(3)] == ["b11", "c", None]


def test_a_trial_that_may_not_start_is_passed_over_and_keeps_its_turn() -> None:
    board = Board(graph_of(**PAIRS))
    assert board.next_ready(lambda key: key != "p") == "q"
    assert board.next_ready(lambda key: False) is None
    assert board.any_ready
    # Nothing has become of it meanwhile, and it is the first again.
    assert board.states["p"] is State.WAITING
    assert board.next_ready() == "p"


def test_a_trial_that_another_run_ended_is_not_started_here() -> None:
    board = Board(graph_of(**PAIRS))
    board.finish("p")
    board.finish("q", failure="diverged")
    # Its children are ready as if it had been trained here, and skipped where it failed.
    assert [board.next_ready() for _ in range(4)] == ["c1", "c2", "base", None]
    assert board.states["d"] is State.SKIPPED
    # Who trains is known by the graph's order; a board that is stopped has nobody.
    assert board.running == ["c1", "c2", "base"]
    board.stop()
    assert (board.running, board.count(State.WAITING)) == ([], 3)


def test_a_failed_parent_skips_its_children_and_nothing_else() -> None:
    board = Board(graph_of(**PAIRS))
    board.next_ready()
    board.finish("p", failure="diverged")
    # Its own reason for the parent, the parent's name for the children.
    assert [board.states[key] for key in ("p", "c1", "c2")] == [
        State.FAILED, State.SKIPPED, State.SKIPPED,
    ]  # fmt: skip
    assert (board.reason("p"), board.reason("c1")) == (
        "diverged",
        "its role0 input needs p, which failed",
    )
    # What does not depend on it goes on to its end.
    while key := board.next_ready():
        board.finish(key)
    assert {board.states[key] for key in ("q", "d", "base")} == {State.DONE}
    assert not board.complete
    assert board.reason("d") is None


def test_what_was_found_done_is_not_trained_again() -> None:
    board = Board(graph_of(**PAIRS), done=["p", "c1", "base"], failed={"q": "bad"})
    # c2 goes on from the parent that was found; d's parent had failed before.
    assert (board.next_ready(), board.next_ready()) == ("c2", None)
    assert [board.states[key] for key in PAIRS] == [
        State.CACHED, State.CACHED, State.RUNNING, State.FAILED, State.SKIPPED, State.CACHED,
    ]  # fmt: skip
    # A finished child outlives the failure of a parent that was trained again.
    assert Board(graph_of(**PAIRS), ["c1"], {"p": "bad"}).states["c1"] is State.CACHED


def test_a_study_is_complete_when_every_trial_is_done() -> None:
    board = Board(graph_of(p=None, c="p"), done=["p"])
    assert not board.complete
    board.finish(str(board.next_ready()))
    # What was found and what was trained count alike.
    assert board.complete
    assert Board(graph_of()).complete


@settings(deadline=None, max_examples=150)
@given(
    parents=st.lists(st.none() | st.integers(0, 30), max_size=25),
    failing=st.sets(st.integers(0, 25)),
    concurrent=st.integers(1, 6),
    order=st.randoms(use_true_random=False),
)
def test_every_forest_ends_whoever_fails(
    parents: list[int | None], failing: set[int], concurrent: int, order: random.Random
) -> None:
    # A parent stands anywhere before its child; trials may be many generations deep.
    names = {
        f"t{index}": f"t{parent % index}" if parent is not None and index else None
        for index, parent in enumerate(parents)
    }
    board, alive, begun = Board(graph_of(**names)), [], []
    for _ in range(2 * len(names) + 1):
        while len(alive) < concurrent and (key := board.next_ready()):
            parent = names[key]
            # No trial starts twice, nor before its parent is done.
            assert key not in begun
            assert parent is None or board.states[parent] is State.DONE
            alive.append(key)
            begun.append(key)
        if not alive:
            break
        key = alive.pop(order.randrange(len(alive)))
        board.finish(key, "bad" if int(key[1:]) in failing else None)
    expected = {}
    for key, parent in names.items():
        lost = parent is not None and expected[parent] is not State.DONE
        failed = State.FAILED if int(key[1:]) in failing else State.DONE
        expected[key] = State.SKIPPED if lost else failed
    # It is over after as many ends as there are trials, each where a recursive definition puts it.
    assert board.states == expected
    assert board.complete == ({*expected.values()} <= {State.DONE})
    assert board.settled
    # What is counted as it goes is what counting afresh gives.
    assert {state: board.count(state) for state in State} == {
        state: list(board.states.values()).count(state) for state in State
    }
