"""From a number back to what made it, against a ledger written by hand."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from model.epoch_row import EpochRow
from orchestrator.explain.explanation import explain
from orchestrator.explain.text import show
from orchestrator.plan.board import board_of
from orchestrator.plan.plan import Plan
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.store import Store
from orchestrator.study.graph import build_graph
from orchestrator.study.recipes import Cell, arm_cells
from orchestrator.study.spec import StudySpec
from studies import TINY, merged

# The second epoch is the best on the dev images, the third is the last.
ROWS = [
    EpochRow(
        epoch=epoch, step=epoch, learning_rate=0.1, train_loss=0.5, train_accuracy=0.5,
        dev_loss=dev, dev_accuracy=1 - dev, val_loss=0.5, val_accuracy=accuracy,
        train_images=12, train_seconds=1.5, eval_seconds=0.5,
    )
    for epoch, dev, accuracy in ((1, 0.9, 0.1), (2, 0.2, 0.375), (3, 0.4, 0.625))
]  # fmt: skip
ORIGIN: dict[str, Any] = {
    "commit": "0123abcd", "dirty": True, "versions": {"torch": "2.99"}, "python": "3.11.7",
    "cpu": "Some CPU", "machine": "x86_64", "system": "Linux", "gpu": None, "workers": 2,
}  # fmt: skip
BEST = {
    "name": "at_best", "title": "At the best epoch", "stage": "finetune", "metric": "val_accuracy",
    "select": "best_on_dev",
}  # fmt: skip
LAST = {**BEST, "name": "at_last", "select": "last"}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Two seeds of a pretrained cell: seed 0 done after a restart, the finetune of seed 1 failed."""
    change = {"seeds": [0, 1], "tables": [LAST, BEST], "data": {"fingerprint": "f00d"}}
    study = StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)
    graph = build_graph(study, [*arm_cells(study), Cell("patch_size=4", {"patch_size": 4})])
    ledger = Ledger(Store(f"fsspec+memory://{tmp_path}"))
    for asked in graph.cells:
        if "pretrain" not in asked.trials:
            continue
        for stage, key in asked.trials.items():
            begin(ledger, key, 2 if asked.seed == 0 else 1)
            end(ledger, key, failed=asked.seed == 1 and stage == "finetune")
    return Plan(study, graph, ledger, board_of(graph, ledger))


def begin(ledger: Ledger, key: str, attempts: int) -> None:
    for _ in range(attempts):
        ledger.begin_attempt(key, {"started_at": "2026-01-01T10:00:00+00:00"})
    accuracy_free = {"train_accuracy": None, "dev_accuracy": None, "val_accuracy": None}
    change: dict[str, Any] = accuracy_free if key.startswith("restore") else {}
    rows = [replace(row, **change) for row in ROWS]
    ledger.save_epoch(key, rows, SavedCheckpoint(3, b"w", b"o"))


def end(ledger: Ledger, key: str, failed: bool) -> None:
    ended = {"finished_at": "2026-01-01T11:02:03+00:00", "wall_seconds": 3723.0}
    if failed:
        ledger.fail(key, Outcome(state="failed", reason="Diverged: nan", **ended))
    else:
        ledger.finish(key, b"weights", Outcome(state="done", provenance=ORIGIN, **ended))


def test_each_table_reads_its_own_epoch(plan: Plan) -> None:
    numbers = explain(plan, "patch_size=4").numbers
    assert [(n.table, n.seed, n.value, n.epoch, n.select) for n in numbers] == [
        ("at_last", 0, 0.625, 3, "last"),
        ("at_last", 1, None, None, "last"),
        ("at_best", 0, 0.375, 2, "best_on_dev"),
        ("at_best", 1, None, None, "best_on_dev"),
    ]


def test_a_trial_tells_all_that_the_ledger_knows(plan: Plan) -> None:
    first = explain(plan, "patch_size=4").trials[0]
    asked = next(one for one in plan.graph.cells if "pretrain" in one.trials)
    assert (first.key, first.seed) == (asked.trials["pretrain"], 0)
    assert (first.task, first.stages, first.inputs) == ("restore", ("pretrain",), {})
    assert (first.state, first.epochs, first.epochs_done, first.restarts) == ("done", 2, 3, 1)
    assert (first.wall_seconds, first.train_seconds) == (3723.0, 4.5)
    assert (first.started_at or "")[:16] == "2026-01-01T10:00"
    assert first.fingerprint == "f00d"
    assert first.provenance == ORIGIN


def test_a_failure_has_its_reason(plan: Plan) -> None:
    last = explain(plan, "patch_size=4").trials[-1]
    assert (last.state, last.reason) == ("failed", "Diverged: nan")
    before = explain(plan, "patch_size=4").trials[-2]
    assert (last.task, last.stages, last.inputs) == (
        "classify", ("finetune",), {"weights": before.key},
    )  # fmt: skip


def test_the_recipe_is_told_by_what_differs(plan: Plan) -> None:
    first = explain(plan, "patch_size=4").trials[0]
    # Said by the study, and not what the paper has.
    assert (first.differs["model.channels"], first.defaults["model.channels"]) == (
        [4, 8],
        [48, 96, 192],
    )
    assert first.differs["train.optim.lr"] == 0.01
    # Said by the cell, but what is usual anyway; or not said at all.
    assert "train.mask.patch_size" not in first.differs
    assert "train.mask.ratio" not in first.differs
    # With the defaults put back, the whole recipe is left.
    assert first.recipe["train"]["mask"] == {
        "patch_size": 4,
        "ratio": 0.4,
        "mode": "bernoulli",
        "fill": "zero",
    }
    assert "path" not in first.recipe["data"]


def test_a_trial_alone_is_told_with_its_own_seed(plan: Plan) -> None:
    key = explain(plan, "patch_size=4").trials[-1].key
    found = explain(plan, key)
    assert {trial.seed for trial in found.trials} == {1}
    assert found.cell == "patch_size=4"


def printed(plan: Plan, text: str, recipes: bool = False) -> str:
    out = io.StringIO()
    show(explain(plan, text), Console(file=out, width=80), recipes)
    return out.getvalue()


def test_the_screen_says_it_in_80_columns(plan: Plan) -> None:
    text = printed(plan, "patch_size=4")
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "62.5% epoch 3 (last)", "37.5% epoch 2 (best on dev)", "none yet", "1:02:03", "Diverged: nan",
        "started from restore-", "0123abcd, with uncommitted changes", "torch 2.99",
        "2, on the CPU", "content f00d", "Some CPU", "2026-01-01 11:02",
    ):  # fmt: skip
        assert words in text, words
    # What the failed trial ran on is unknown: it has a part of its own.
    assert text.count("Origin of ") == 2


def test_the_mean_over_seeds_leaves_out_what_failed(plan: Plan) -> None:
    rows = printed(plan, "patch_size=4").partition("Over seeds")[2].splitlines()
    assert rows[2].split() == ["at_last", "val_accuracy", "62.5%", "1"]


def test_recipes_are_printed_in_full_on_request(plan: Plan) -> None:
    text = printed(plan, "baseline", recipes=True)
    assert text.count("Recipe of classify-") == 2
    assert '"autoaugment"' in text
    assert '"autoaugment"' not in printed(plan, "baseline")


def test_the_document_is_json(plan: Plan) -> None:
    document = json.loads(json.dumps(explain(plan, "baseline").as_json()))
    assert list(document) == ["study", "cell", "values", "numbers", "trials"]
    assert [trial["state"] for trial in document["trials"]] == ["waiting", "waiting"]
    assert [number["value"] for number in document["numbers"]] == [None] * 4
