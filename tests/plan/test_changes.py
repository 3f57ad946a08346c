"""What `plan` and `run` say of an edited study file."""

import io
from pathlib import Path
from typing import Any

import pytest
from hand_ledger import planned, ran
from rich.console import Console

from orchestrator.plan.changes import change_lines, print_changes
from orchestrator.plan.plan import make_plan, with_retries
from orchestrator.store import study_registry
from orchestrator.store.paths import Paths
from orchestrator.store.study_registry import save_record
from orchestrator.study import graph
from studies import StudyWriter

HEAD = "since tiny last ran in this store:"
CELLS = "mask_ratio=0.5,patch_size=2; mask_ratio=0.5,patch_size=4"


def test_nothing_is_said_of_a_first_run_nor_where_nothing_changed(
    write_study: StudyWriter,
) -> None:
    assert change_lines(planned(write_study())) == []
    ran(write_study())
    assert change_lines(planned(write_study())) == []
    # What changes no result and no cell is no difference.
    assert change_lines(planned(write_study(runtime={"num_workers": 2}, description="new"))) == []


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a cell more": (
        {"space": {"patch_size": {"grid": [2, 4, 8]}}},
        ["added: mask_ratio=0.5,patch_size=8",
         "2 new trials: 2 to train, 0 in the store already"],
    ),
    "a cell less": (
        {"space": {"patch_size": {"grid": [2]}}},
        ["removed: mask_ratio=0.5,patch_size=4",
         "2 trials stay in the store, unused: see `maskgrid store list`"],
    ),
    "no baseline": (
        {"baseline": False},
        ["removed: baseline",
         "1 trial stays in the store, unused: see `maskgrid store list`"],
    ),
    "a field of every cell": (
        {"finetune": {"epochs": 20}},
        ["changed: every cell: finetune.epochs 2 -> 20",
         "3 new trials: 3 to train, 0 in the store already",
         "3 trials stay in the store, unused: see `maskgrid store list`"],
    ),
    "two fields of some cells": (
        {"pretrain": {"epochs": 3, "optim": {"lr": 0.5}}},
        [f"changed: {CELLS}: pretrain.epochs 2 -> 3, pretrain.optim.lr 0.01 -> 0.5",
         "4 new trials: 4 to train, 0 in the store already",
         "4 trials stay in the store, unused: see `maskgrid store list`"],
    ),
    "a part that both kinds share": (
        {"model": {"channels": [4, 4]}},
        ["changed: every cell: model.channels [4, 8] -> [4, 4]",
         "5 new trials: 5 to train, 0 in the store already",
         "5 trials stay in the store, unused: see `maskgrid store list`"],
    ),
    "another seed": (
        {"seeds": [0, 3]},
        ["seeds added: 3", "5 new trials: 5 to train, 0 in the store already"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_edit_is_told_with_its_reason(write_study: StudyWriter, case: str) -> None:
    change, expected = CASES[case]
    ran(write_study())
    assert change_lines(planned(write_study(**change))) == [HEAD, *expected]


def test_other_images_are_told_whatever_else_changed(write_study: StudyWriter) -> None:
    ran(write_study(arms=[{"name": "one", "set": {"model.ffn": 32}}]))
    arms = [{"name": "two", "set": {"model.ffn": 64}}]
    edited = write_study(data={"image_seed": 1}, finetune={"epochs": 3}, arms=arms)
    assert change_lines(planned(edited)) == [
        HEAD,
        "the images changed, and with them every trial",
        "added: two",
        "removed: one",
        "changed: every cell: other images, data.image_seed 0 -> 1, finetune.epochs 2 -> 3",
        "7 new trials: 7 to train, 0 in the store already",
        "7 trials stay in the store, unused: see `maskgrid store list`",
    ]


def test_one_cell_of_several_is_named(write_study: StudyWriter) -> None:
    arms = [{"name": "wide", "pretrain": False, "set": {"model.ffn": 32}}]
    ran(write_study(arms=arms))
    changed = change_lines(planned(write_study(arms=[{**arms[0], "set": {"model.ffn": 64}}])))
    assert changed[1] == "changed: wide: model.ffn 32 -> 64"
    changed = change_lines(planned(write_study(arms=[{**arms[0], "pretrain": True}])))
    # With a pretraining now, its finetuning is another trial of the same recipe.
    assert changed[1:] == [
        "changed: wide: pretrain false -> true",
        "2 new trials: 2 to train, 0 in the store already",
        "1 trial stays in the store, unused: see `maskgrid store list`",
    ]


def test_a_cell_of_another_name_with_the_same_trials_is_the_same(
    write_study: StudyWriter,
) -> None:
    arm = {"name": "wide", "pretrain": False, "set": {"model.ffn": 32}}
    ran(write_study(arms=[arm]))
    assert change_lines(planned(write_study(arms=[{**arm, "name": "broad"}]))) == []
    # The axes in another order are other names, and nothing else.
    study = write_study(arms=[arm])
    axes = (
        "space:\n  mask_ratio:\n    grid:\n    - 0.5\n  patch_size:\n    grid:\n    - 2\n    - 4\n"
    )
    assert axes in study.read_text()
    turned = "space: {patch_size: {grid: [4, 2]}, mask_ratio: {grid: [0.5]}}\n"
    study.write_text(study.read_text().replace(axes, turned))
    assert change_lines(planned(study)) == []


def test_trials_that_are_there_or_used_elsewhere_are_not_counted_as_either(
    write_study: StudyWriter,
) -> None:
    ran(write_study(name="other", space={"patch_size": {"grid": [4, 8]}}))
    ran(write_study())
    found = change_lines(planned(write_study(space={"patch_size": {"grid": [2, 8]}})))
    # The other study has trained the new cell, and still uses the removed one.
    assert found == [
        HEAD,
        "added: mask_ratio=0.5,patch_size=8",
        "removed: mask_ratio=0.5,patch_size=4",
        "2 new trials: 0 to train, 2 in the store already",
    ]


def test_a_new_child_of_a_parent_without_weights_trains_the_parent_too(
    write_study: StudyWriter,
) -> None:
    plan = ran(write_study(space={"patch_size": {"grid": [2]}}))
    parent = next(key for key in plan.graph.trials if key.startswith("restore"))
    plan.ledger.store.delete(Paths.weights(parent))
    arm = {"name": "slow", "set": {"patch_size": 2, "mask_ratio": 0.5, "finetune.optim.lr": 0.1}}
    study = write_study(space={"patch_size": {"grid": [2]}}, arms=[arm])
    assert change_lines(with_retries(planned(study)))[1:] == [
        "added: slow",
        "1 new trial: 1 to train, 0 in the store already",
        f"trained again, since the weights are gone: {parent}",
    ]


def test_another_study_of_that_name_is_told_and_its_trials_are_no_difference(
    write_study: StudyWriter,
) -> None:
    ran(write_study())
    space = {"patch_size": None, "mask_ratio": None, "finetune.optim.lr": {"grid": [0.5]}}
    found = change_lines(planned(write_study(space=space, finetune={"epochs": 3})))
    assert found[0].startswith("another study named tiny ran in this store")
    assert "this one is recorded as tiny~2" in found[1]


def test_a_new_recipe_version_is_a_reason(
    write_study: StudyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(write_study())
    raised = graph.RECIPE_VERSION + 1
    for module in (graph, study_registry):
        monkeypatch.setattr(module, "RECIPE_VERSION", raised)
    assert (
        change_lines(planned(write_study()))[1]
        == f"changed: every cell: recipe version {raised - 1} -> {raised}"
    )


def test_without_images_nothing_is_claimed(write_study: StudyWriter, tmp_path: Path) -> None:
    ran(write_study())
    gone = {"source": "folder", "path": str(tmp_path / "gone"), "num_classes": None,
            "train_per_class": None, "val_per_class": None}  # fmt: skip
    plan = make_plan(write_study(data=gone), str(tmp_path / "store"), strict=False)
    assert change_lines(plan) == ["changes since tiny last ran are unknown without the images"]


def test_long_lists_fit_a_terminal(write_study: StudyWriter, tmp_path: Path) -> None:
    ran(write_study())
    ratios = [round(0.05 * step, 2) for step in range(1, 15)]
    plan = planned(write_study(space={"mask_ratio": {"grid": ratios}}))
    told = io.StringIO()
    print_changes(plan, Console(file=told, width=80))
    shown = told.getvalue().splitlines()
    assert max(map(len, shown)) <= 80
    # Six are named, the others counted: 2 x 14 cells, of which 2 were there.
    assert "; and 20 more" in told.getvalue()
    save_record(plan.ledger.store, plan.slot)
    print_changes(planned(tmp_path / "study.yaml"), Console(file=told, width=80))
    # Nothing more was said.
    assert told.getvalue().splitlines() == shown
