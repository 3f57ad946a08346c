"""Trial keys, the graph of a study, and the board that says who is next."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.config.recipe import FinetuneRecipe, PretrainRecipe
from orchestrator.plan.board import Board, State
from orchestrator.study.graph import TrialGraph, TrialSpec, expand, trial_key
from orchestrator.study.recipes import Cell, arm_cells, cell_recipes
from orchestrator.study.spec import StudySpec
from studies import TINY, merged

FILES = {"train_per_class": 5, "path": "here", "classes": ["a", "b"]}
IMAGES = {
    "synthetic": TINY["data"],
    "tiny-imagenet": {"source": "tiny-imagenet", **FILES},
    "folder": {"source": "folder", **FILES},
}
# Another valid value for every field that changes a result.
OTHER = {
    "seed": 1,
    "data.image_size": 32, "data.num_classes": 3, "data.train_per_class": 4,
    "data.dev_per_class": 2, "data.split_seed": 1, "data.fingerprint": "cd",
    "data.val_per_class": 4, "data.image_seed": 1, "data.classes": ["b", "a"],
    "data.val_fraction": 0.2,
    "model.channels": [4], "model.features": 16, "model.embed": 16, "model.heads": 4,
    "model.blocks": 2, "model.ffn": 8, "model.rezero": True, "model.style_rezero": False,
    "model.init": "uvcgan2", "model.head_norm": True,
    "train.epochs": 3, "train.batch_size": 4, "train.optim.name": "adamw",
    "train.optim.lr": 0.0100000001, "train.optim.betas": [0.9, 0.999], "train.optim.eps": 1e-6,
    "train.optim.weight_decay": 0.1, "train.schedule.warmup_epochs": 0.5,
    "train.schedule.start_lr": 0.0, "train.schedule.decay_epochs": 0.5,
    "train.schedule.final_lr": 0.0, "train.schedule.decay": "cosine",
    "train.schedule.per": "epoch", "train.augment.policy": "none", "train.augment.flip": True,
    "train.precision": "bf16", "train.mask.patch_size": 2, "train.mask.ratio": 0.5,
    "train.mask.mode": "exact", "train.mask.fill": "mean", "train.loss_region": "masked",
}  # fmt: skip
KINDS = (PretrainRecipe, FinetuneRecipe)


def study(**change: Any) -> StudySpec:
    return StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)


def fields(kind: type[Any], source: str = "synthetic") -> dict[str, Any]:
    """A whole recipe as nested dictionaries."""
    spec = StudySpec.model_validate_json(json.dumps({**TINY, "data": IMAGES[source]}))
    made = cell_recipes(spec, Cell("base"), seed=0)
    return next(recipe.model_dump(mode="json") for recipe in made if isinstance(recipe, kind))


def key_of(kind: type[Any], content: dict[str, Any]) -> str:
    return trial_key(kind.model_validate_json(json.dumps(content), strict=True), None)


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found = {}
    for key, value in node.items():
        inside = isinstance(value, dict)
        found |= leaves(value, f"{prefix}{key}.") if inside else {f"{prefix}{key}": key}
    return found


def changed(content: dict[str, Any], path: str) -> dict[str, Any]:
    change = OTHER[path]
    for step in reversed(path.split(".")):
        change = {step: change}
    return merged(content, change)


# --- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", IMAGES)
def test_every_field_of_a_recipe_is_part_of_its_key(kind: type[Any], source: str) -> None:
    content = fields(kind, source)
    paths = leaves(content).keys() - {"kind", "data.source", "data.path"}
    # A new field has to say above what its other value is.
    assert paths <= OTHER.keys()
    keys = {key_of(kind, changed(content, path)) for path in paths}
    # No change gives the key of the unchanged recipe, and no two changes give the same key.
    assert len(keys | {key_of(kind, content)}) == len(paths) + 1


def test_stages_and_image_sources_have_keys_of_their_own() -> None:
    keys = {key_of(kind, fields(kind, source)) for kind in KINDS for source in IMAGES}
    assert len(keys) == len(KINDS) * len(IMAGES)


@pytest.mark.parametrize("source", ["tiny-imagenet", "folder"])
def test_where_the_images_lie_is_no_part_of_the_key(source: str) -> None:
    content = fields(PretrainRecipe, source)
    moved = merged(content, {"data": {"path": "/else/where"}})
    # The fingerprint says which images they are.
    assert key_of(PretrainRecipe, moved) == key_of(PretrainRecipe, content)


def test_the_parent_is_part_of_its_childs_key() -> None:
    child = FinetuneRecipe.model_validate(fields(FinetuneRecipe))
    # The same finetuning from other weights ends elsewhere.
    assert len({trial_key(child, parent) for parent in (None, "pretrain-1", "pretrain-2")}) == 3


# --- a study's graph --------------------------------------------------------------------------


def test_equal_pretrainings_are_one_trial() -> None:
    arms = [
        Cell("slow", {"finetune.optim.lr": 0.001}), Cell("fast", {"finetune.optim.lr": 0.1}),
        Cell("again", {"finetune.optim.lr": 0.1}),
    ]  # fmt: skip
    graph = expand(study(seeds=[0, 1]), (cell for cell in arms))
    kinds = [trial.kind for trial in graph.trials.values()]
    # For each seed: one pretraining for all three arms, and two different finetunings.
    assert kinds == ["pretrain", "finetune", "finetune"] * 2
    # Each cell still knows its own trials, at each seed.
    assert [(asked.cell.name, asked.seed) for asked in graph.cells] == [
        ("slow", 0), ("fast", 0), ("again", 0), ("slow", 1), ("fast", 1), ("again", 1),
    ]  # fmt: skip
    assert graph.cells[1].finetune == graph.cells[2].finetune != graph.cells[0].finetune


def test_a_parent_stands_before_its_children_and_is_what_they_name() -> None:
    spec = study(seeds=[0, 1])
    graph = expand(spec, [*arm_cells(spec), Cell("a", {"patch_size": 2}), Cell("b")])
    order = list(graph.trials)
    for asked in graph.cells:
        # The edge of the graph is the cell's own pretraining; the baseline has none.
        assert graph.trials[asked.finetune].parent == asked.pretrain
        assert (asked.pretrain is None) == (asked.cell.name == "baseline")
        # Whoever walks the graph in order meets parents first.
        assert asked.pretrain is None or order.index(asked.pretrain) < order.index(asked.finetune)


# --- the board --------------------------------------------------------------------------------


def graph_of(**parents: str | None) -> TrialGraph:
    """A graph by hand: each trial's parent by name."""
    recipe = FinetuneRecipe.model_validate(fields(FinetuneRecipe))
    trials = {
        key: TrialSpec(key=key, recipe=recipe, parent=parent) for key, parent in parents.items()
    }
    return TrialGraph(trials, ())


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


def test_a_failed_parent_skips_its_children_and_nothing_else() -> None:
    board = Board(graph_of(**PAIRS))
    board.next_ready()
    board.finish("p", failure="diverged")
    # Its own reason for the parent, the parent's name for the children.
    assert [board.states[key] for key in ("p", "c1", "c2")] == [
        State.FAILED, State.SKIPPED, State.SKIPPED,
    ]  # fmt: skip
    assert (board.reason("p"), board.reason("c1")) == ("diverged", "its parent p failed")
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
