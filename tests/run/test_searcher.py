"""The search space as Tune expands it, and the searcher that follows the graph. No cluster."""

import itertools
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune
from ray.tune.search import Searcher
from ray.tune.search.basic_variant import BasicVariantGenerator

from orchestrator.plan.board import Board, State
from orchestrator.run.coordination import RunCoordinator
from orchestrator.run.searcher import GraphSearcher
from orchestrator.run.tuner import tune_columns
from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.store import Store
from orchestrator.study.axes import Axis
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.space import expand_space
from orchestrator.study.spec import StudySpec
from studies import TINY, merged

WHEN = "2026-01-01T00:00:00.000+00:00"
DONE = Outcome(state="done", finished_at=WHEN)
FAILED = Outcome(state="failed", reason="diverged", finished_at=WHEN)
Values = list[dict[str, Any]]


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)


def drawn(space: dict[str, Any], num_samples: int = 1, seed: int = 0) -> Values:
    """The values of the space's cells."""
    spec = StudySpec(
        name="drawn", baseline=False, num_samples=num_samples, search_seed=seed,
        space={name: Axis.model_validate(axis) for name, axis in space.items()},
    )  # fmt: skip
    return [dict(cell.values) for cell in expand_space(spec)]


# --- the space --------------------------------------------------------------------------------


@given(
    grid=st.dictionaries(
        st.sampled_from(["patch_size", "mask_ratio", "model.init", "finetune.optim.lr"]),
        st.lists(st.sampled_from([1, 2, 16, 0.25, 1e-4, "he", True]), min_size=1, unique_by=repr),
        min_size=1,
    ),
    num_samples=st.integers(1, 3),
)
@settings(deadline=None, max_examples=50)
def test_a_grid_is_the_product_of_its_axes(grid: dict[str, list[Any]], num_samples: int) -> None:
    found = drawn({name: {"grid": values} for name, values in grid.items()}, num_samples)
    expected = [dict(zip(grid, point, strict=True)) for point in itertools.product(*grid.values())]
    # Every point once, however many draws: there is nothing to draw.
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


AXES = {
    "choice": [8, 2, 4],
    "uniform": [0.25, 0.75],
    "quniform": [0.25, 0.75, 0.125],
    "loguniform": [1e-5, 1e-3],
    "randint": [3, 9],
    "lograndint": [2, 200],
}


@pytest.mark.parametrize("kind", AXES)
def test_an_axis_stays_inside_its_bounds(kind: str) -> None:
    found = [values["axis"] for values in drawn({"axis": {kind: AXES[kind]}}, 300)]
    low, high, *step = AXES[kind]
    if kind == "choice":
        # Each of the choices comes up, nothing else does.
        assert set(found) == set(AXES[kind])
        return
    # The upper bound is left out, save where values are rounded to multiples.
    assert all(low <= value < high or (step and value == high) for value in found)
    assert all(value / size == round(value / size) for value in found for size in step)
    # Whole axes draw whole numbers: plain ones, which JSON and YAML know.
    assert {type(value) for value in found} == {int if "int" in kind else float}
    if kind == "randint":
        # Of six numbers none is out of reach.
        assert set(found) == set(range(3, 9))


def test_a_logarithmic_axis_spreads_over_magnitudes() -> None:
    found = [
        math.log10(values["lr"]) for values in drawn({"lr": {"loguniform": [1e-6, 1e-2]}}, 400)
    ]
    # Each of four decades holds a quarter of the draws (± five standard deviations).
    counts = np.histogram(found, bins=[-6, -5, -4, -3, -2])[0]
    assert all(abs(count - 100) < 5 * math.sqrt(400 * 0.25 * 0.75) for count in counts)


@pytest.mark.parametrize("kind", AXES)
def test_draws_follow_the_search_seed(kind: str) -> None:
    space = {"axis": {kind: AXES[kind]}, "grid": {"grid": [1, 2, 3]}}
    # The same cells in the same order for the same seed, whoever asks; others for another.
    assert drawn(space, 4, seed=5) == drawn(space, 4, seed=5)
    assert drawn(space, 4, seed=5) != drawn(space, 4, seed=6)


@pytest.mark.parametrize("num_samples", [1, 3])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_space_is_expanded_as_tune_itself_does_it(num_samples: int, seed: int) -> None:
    space = {
        "lr": {"loguniform": [1e-5, 1e-3]}, "patch": {"grid": [2, 4, 8]},
        "ratio": {"uniform": [0.2, 0.8]}, "fill": {"grid": ["zero", "mean"]},
    }  # fmt: skip
    tunes = {
        "lr": tune.loguniform(1e-5, 1e-3), "patch": tune.grid_search([2, 4, 8]),
        "ratio": tune.uniform(0.2, 0.8), "fill": tune.grid_search(["zero", "mean"]),
    }  # fmt: skip
    tune.register_trainable("nothing", lambda config: None)
    generator = BasicVariantGenerator(random_state=np.random.default_rng(seed))
    study_of_tune = {"run": "nothing", "config": tunes, "num_samples": num_samples}
    generator.add_configurations({"study": study_of_tune})
    expected = [trial.config for trial in iter(generator.next_trial, None)]
    found = drawn(space, num_samples, seed)
    # Number for number what Tune would have tried.
    assert found == expected
    # Its meaning of num_samples: the grid is repeated for each draw of the other axes.
    counts = Counter((values["patch"], values["fill"]) for values in found)
    assert (len(counts), {*counts.values()}) == (6, {num_samples})


def test_equal_draws_are_one_cell() -> None:
    space = {"patch_size": {"grid": None, "choice": [2, 4]}, "mask_ratio": None}
    names = [cell.name for cell in expand_space(study(space=space, num_samples=20))]
    # Twenty draws from two values: two cells, besides the baseline.
    assert sorted(names) == ["baseline", "patch_size=2", "patch_size=4"]


def test_named_cells_come_first() -> None:
    found = expand_space(study(arms=[{"name": "z"}], space={"patch_size": {"grid": [4, 2]}}))
    # Baseline, arms, then the grid in the order of the file, each cell named by its values.
    assert [cell.name for cell in found] == [
        "baseline", "z", "patch_size=4,mask_ratio=0.5", "patch_size=2,mask_ratio=0.5",
    ]  # fmt: skip
    # A study may have no space at all.
    assert [cell.name for cell in expand_space(study(space=None))] == ["baseline"]


# --- the searcher -----------------------------------------------------------------------------


class Sweep:
    """A searcher over the tiny study: baseline, two pretrainings with a child each."""

    def __init__(self, tmp_path: Path, **change: Any) -> None:
        spec = study(**change)
        self.graph: TrialGraph = build_graph(spec, expand_space(spec))
        self.board = Board(self.graph)
        self.ledger = Ledger(Store(f"fsspec+memory://{tmp_path}"))
        self.ledger.store.prepare()
        turns = RunCoordinator(self.ledger, Leases(self.ledger.store))
        self.searcher = GraphSearcher(self.board, turns, tune_columns(spec, self.board))

    def finish(self, trial_id: str, key: str, outcome: Outcome | None, **told: Any) -> None:
        if outcome and outcome.state == "done":
            self.ledger.finish(key, b"", outcome)
        elif outcome:
            self.ledger.fail(key, outcome)
        self.searcher.on_trial_complete(trial_id, **told)


def test_a_suggestion_is_flat_and_names_its_trial(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    suggested = [sweep.searcher.suggest(f"id{number}") for number in range(3)]
    # Tune shows and stores these: primitives only, so that folders and tables stay readable.
    for config in suggested:
        assert {type(value) for value in config.values()} <= {str, int, float, bool}
        assert [config["stage"]] == sweep.graph.stages_of(config["trial_key"])
    # Besides the key: the cell, its seed, and its values by axis.
    assert suggested[1] == {
        "trial_key": suggested[1]["trial_key"], "stage": "pretrain", "seed": 0,
        "cell": "patch_size=2,mask_ratio=0.5", "patch_size": 2, "mask_ratio": 0.5,
    }  # fmt: skip


def test_a_child_is_offered_once_its_parent_is_done(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, baseline=False, space={"patch_size": {"grid": [4]}})
    parent = sweep.searcher.suggest("a")
    # None means: not now. Tune asks again.
    assert sweep.searcher.suggest("b") is None
    sweep.finish("a", parent["trial_key"], DONE)
    child = sweep.searcher.suggest("c")
    assert sweep.graph.trials[child["trial_key"]].inputs["weights"] == parent["trial_key"]
    # Still one alive, so still not the end.
    assert sweep.searcher.suggest("d") is None
    sweep.finish("c", child["trial_key"], DONE)
    # Nothing alive and nothing ready: to answer None now would wait for ever.
    assert sweep.searcher.suggest("e") == Searcher.FINISHED
    assert sweep.board.complete


@pytest.mark.parametrize(
    ("outcome", "told", "state", "reason"),
    [
        (DONE, {"result": {"state": "done"}}, State.DONE, None),
        (DONE, {"error": True}, State.DONE, None),
        (DONE, {"result": None}, State.DONE, None),
        (FAILED, {"result": {"state": "done"}, "error": False}, State.FAILED, "diverged"),
        (FAILED, {"error": True}, State.FAILED, "diverged"),
        (None, {"result": {"state": "done"}}, State.FAILED, "its process was lost or stopped"),
        (None, {"error": True}, State.FAILED, "its process was lost or stopped"),
    ],
)
def test_the_ledger_is_believed_and_not_tune(
    tmp_path: Path, outcome: Outcome | None, told: dict[str, Any], state: State, reason: str | None
) -> None:
    sweep = Sweep(tmp_path, baseline=False, space={"patch_size": {"grid": [4]}})
    key = sweep.searcher.suggest("a")["trial_key"]
    sweep.finish("a", key, outcome, **told)
    # Tune's flag and last result say how a process ended, not how a trial did.
    assert sweep.board.states[key] is state
    assert (sweep.board.reason(key) or "").startswith(reason or "")
    following = sweep.searcher.suggest("b")
    # A done parent's child is next; with a failed parent it is over, the child skipped.
    assert (following == Searcher.FINISHED) == (state is State.FAILED)
    assert (State.SKIPPED in sweep.board.states.values()) == (state is State.FAILED)


@settings(deadline=None, max_examples=30)
@given(concurrent=st.integers(1, 4), seed=st.integers(0, 10**6), tmp=st.uuids())
def test_a_sweep_always_ends(concurrent: int, seed: int, tmp: Any) -> None:
    sweep = Sweep(Path(f"/{tmp}"), seeds=[0, 1], arms=[{"name": "x", "set": {"patch_size": 4}}])
    chance, alive, asked = random.Random(seed), {}, itertools.count()
    suggestion: Any = None
    while suggestion != Searcher.FINISHED:
        suggestion = sweep.searcher.suggest(name := f"id{next(asked)}")
        if isinstance(suggestion, dict):
            alive[name] = suggestion["trial_key"]
        if alive and (suggestion is None or len(alive) == concurrent):
            ended = chance.choice(sorted(alive))
            sweep.finish(ended, alive.pop(ended), chance.choice([DONE, DONE, FAILED, None]))
        # Each trial is offered once and refused at most once an end.
        assert next(asked) < 10 * len(sweep.graph.trials)
    # Tune is told the end when nothing is alive and every trial has a state for the report.
    assert not alive
    assert set(sweep.board.states.values()) <= {State.DONE, State.FAILED, State.SKIPPED}
