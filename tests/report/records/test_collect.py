"""From the ledger to a study's records."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.epoch_row import EpochRow
from orchestrator.plan.board import Board, State, board_of
from orchestrator.report.records.collect import Records, collect
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.recipes import Cell, arm_cells
from orchestrator.study.spec import StudySpec
from studies import TINY, merged

ROW = EpochRow(
    epoch=1, step=4, learning_rate=1e-4, train_loss=0.5, train_accuracy=None, dev_loss=None,
    dev_accuracy=None, val_loss=0.25, val_accuracy=None, train_images=12, train_seconds=1.5,
    eval_seconds=0.5,
)  # fmt: skip
DONE = Outcome(
    state="done", finished_at="2026-01-01", wall_seconds=12.5, provenance={"commit": "abc"}
)
FAILED = Outcome(state="failed", reason="Diverged: loss nan", finished_at="2026-01-02")
HOME = "/home/somebody/pictures"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Store(f"fsspec+memory://{tmp_path}"))


def graph(**change: Any) -> TrialGraph:
    """Baseline, and two pretrainings with a child each."""
    spec = StudySpec.model_validate_json(json.dumps(merged(TINY, change)), strict=True)
    return build_graph(spec, [*arm_cells(spec), Cell("two", {"patch_size": 2}), Cell("four", {})])


def keys(of: TrialGraph) -> dict[str, str]:
    """Trials by short names."""
    base, two, four = of.cells
    return {
        "base": base.trials["finetune"],
        "p2": two.trials["pretrain"], "f2": two.trials["finetune"],
        "p4": four.trials["pretrain"], "f4": four.trials["finetune"],
    }  # fmt: skip


def train(ledger: Ledger, key: str, epochs: int) -> None:
    rows = [replace(ROW, epoch=number, step=4 * number) for number in range(1, epochs + 1)]
    ledger.begin_attempt(key, {"started_at": "2026-01-01"})
    ledger.save_epoch(key, rows, SavedCheckpoint(epochs, b"w", b"o"))


def half_done(ledger: Ledger, of: TrialGraph) -> dict[str, str]:
    """p2 done, f2 begun twice, p4 failed after an epoch; nothing else."""
    key = keys(of)
    train(ledger, key["p2"], 2)
    ledger.finish(key["p2"], b"weights", DONE)
    train(ledger, key["f2"], 1)
    ledger.begin_attempt(key["f2"], {"started_at": "2026-01-03"})
    train(ledger, key["p4"], 1)
    ledger.fail(key["p4"], FAILED)
    return key


def by_key(records: Records) -> dict[str, dict[str, Any]]:
    return {row["trial_key"]: row for row in records.trials.to_pylist()}


# --- where a study stands ---------------------------------------------------------------------


def test_the_ledger_alone_says_where_a_study_stands(ledger: Ledger) -> None:
    key = half_done(ledger, graph())
    board = board_of(graph(), ledger)
    # A begun trial waits to go on; a failed parent's child is skipped before anything starts.
    assert {name: board.states[key[name]] for name in key} == {
        "base": State.WAITING, "p2": State.CACHED, "f2": State.WAITING, "p4": State.FAILED,
        "f4": State.SKIPPED,
    }  # fmt: skip
    assert board.reason(key["p4"]) == "Diverged: loss nan"
    assert board.reason(key["f4"]) == f"its weights input needs {key['p4']}, which failed"
    # What can go on is offered: the child of what is done first.
    assert [board.next_ready() for _ in range(3)] == [key["f2"], key["base"], None]


def test_a_failure_that_was_forgotten_is_tried_again(ledger: Ledger) -> None:
    key = half_done(ledger, graph())
    ledger.forget_outcome(key["p4"])
    states = board_of(graph(), ledger).states
    # With its child, which waits again.
    assert (states[key["p4"]], states[key["f4"]]) == (State.WAITING, State.WAITING)


def test_another_study_of_the_same_store_finds_what_it_shares(ledger: Ledger) -> None:
    key = half_done(ledger, graph())
    other = graph(name="other", finetune={"epochs": 3})
    board = board_of(other, ledger)
    # The pretraining is the same trial, the longer finetunings are others.
    assert board.states[key["p2"]] is State.CACHED
    assert [*other.trials].count(key["f2"]) == 0
    # Foreign trials of the store are no part of it.
    assert board.states.keys() == other.trials.keys()


# --- the records ------------------------------------------------------------------------------


def test_every_trial_has_a_record_finished_or_not(ledger: Ledger) -> None:
    key = half_done(ledger, graph())
    found = by_key(collect(board_of(graph(), ledger), ledger))
    # Found done is done: how it came to be is no property of the result.
    assert {name: found[key[name]]["state"] for name in key} == {
        "base": "waiting", "p2": "done", "f2": "waiting", "p4": "failed", "f4": "skipped",
    }  # fmt: skip
    picked = ("task", "inputs", "reason", "epochs", "epochs_done", "restarts")
    shown = {name: tuple(found[key[name]][column] for column in picked) for name in key}
    skipped = f"its weights input needs {key['p4']}, which failed"
    # Task, inputs, reason, epochs asked for, epochs done, times started again.
    assert shown == {
        "base": ("classify", [], None, 2, 0, 0),
        "p2": ("restore", [], None, 2, 2, 0),
        "f2": ("classify", [("weights", key["p2"])], None, 2, 1, 1),
        "p4": ("restore", [], "Diverged: loss nan", 2, 1, 0),
        "f4": ("classify", [("weights", key["p4"])], skipped, 2, 0, 0),
    }


def test_a_record_says_what_a_trial_cost_and_where_it_came_from(ledger: Ledger) -> None:
    key = half_done(ledger, graph())
    found = by_key(collect(board_of(graph(), ledger), ledger))
    done, begun = found[key["p2"]], found[key["f2"]]
    # Two epochs of 1.5 s in steps; 12.5 s by the wall.
    assert (done["train_seconds"], done["wall_seconds"]) == (3.0, 12.5)
    assert (done["finished_at"], json.loads(done["provenance"])) == (
        "2026-01-01",
        {"commit": "abc"},
    )
    # A trial that has not ended has no end.
    assert (begun["wall_seconds"], begun["finished_at"], begun["provenance"]) == (None, None, None)


def test_all_epochs_are_recorded_in_order(ledger: Ledger) -> None:
    key = half_done(ledger, graph())
    epochs = collect(board_of(graph(), ledger), ledger).epochs.to_pylist()
    # Unfinished trials' epochs too: a curve is of use before its end.
    assert [(row["trial_key"], row["epoch"]) for row in epochs] == [
        (key["p2"], 1), (key["p2"], 2), (key["f2"], 1), (key["p4"], 1),
    ]  # fmt: skip
    # With the values that were reported.
    assert {row["val_loss"] for row in epochs} == {0.25}
    assert {row["val_accuracy"] for row in epochs} == {None}


def test_cells_say_who_asked_for_which_trial(ledger: Ledger) -> None:
    key = keys(graph())
    cells = collect(Board(graph()), ledger).cells.to_pylist()
    # In the order of the study; values as JSON, since axes differ from study to study.
    assert [tuple(cell.values()) for cell in cells] == [
        ("baseline", 0, "{}", "finetune", key["base"]),
        ("two", 0, '{"patch_size": 2}', "pretrain", key["p2"]),
        ("two", 0, '{"patch_size": 2}', "finetune", key["f2"]),
        ("four", 0, "{}", "pretrain", key["p4"]),
        ("four", 0, "{}", "finetune", key["f4"]),
    ]


def test_records_are_of_the_declared_schemas(ledger: Ledger) -> None:
    half_done(ledger, graph())
    records = collect(board_of(graph(), ledger), ledger)
    # Units and version travel with the numbers.
    for table, schema in (
        (records.trials, TRIALS), (records.epochs, EPOCHS), (records.cells, CELLS),
    ):  # fmt: skip
        assert table.schema.equals(schema, check_metadata=True)


def test_a_recipe_is_recorded_in_full_but_for_where_images_lie(ledger: Ledger) -> None:
    data = {
        "source": "folder", "path": HOME, "num_classes": None, "val_per_class": None,
        "fingerprint": "ab",
    }  # fmt: skip
    of = graph(data=data)
    for trial in of.trials.values():
        ledger.write_spec(trial)
    records = collect(board_of(of, ledger), ledger)
    recipe = json.loads(by_key(records)[keys(of)["p2"]]["recipe"])
    # Defaults are spelled out; a later maskgrid may have others.
    assert recipe["train"]["optim"] == {
        "name": "adam", "lr": 0.01, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.0,
    }  # fmt: skip
    assert recipe["data"]["fingerprint"] == "ab"
    # Records are published: a person's folders are not.
    shown = repr([table.to_pylist() for table in (records.trials, records.epochs, records.cells)])
    assert HOME not in shown
    assert "somebody" not in shown


def test_a_study_without_trials_has_empty_records(ledger: Ledger) -> None:
    records = collect(Board(TrialGraph({}, ())), ledger)
    # Typed tables all the same, so that readers need no special case.
    assert [table.num_rows for table in (records.trials, records.epochs, records.cells)] == [0] * 3
