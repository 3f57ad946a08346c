"""A study's tables, filled from records made by hand."""

from typing import Any

import numpy as np
import pytest
from hand_records import BASELINE, EPOCH, cell, records
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.ledger import YARDSTICKS
from orchestrator.records import EPOCHS, table_of
from orchestrator.report.collect import Records
from orchestrator.report.layout import grid
from orchestrator.report.tables import Filled, fill_table, to_arrow
from orchestrator.study import TABLE_2, Table

# --- one value --------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(results=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_mean_and_deviation_over_seeds_are_numpys(results: list[float]) -> None:
    [value] = fill_table(TABLE_2, records([cell(2, 0.2, *results)])).values
    assert value.results == tuple(results)
    # The mean, and the sample's deviation (ddof 1), which needs two.
    assert value.mean == pytest.approx(np.mean(results), abs=1e-12)
    if len(results) == 1:
        assert value.sd is None
    else:
        assert value.sd == pytest.approx(np.std(results, ddof=1), abs=1e-12)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ([0.5], "50.0%"),
        ([0.25, 0.75], "50.0% ± 35.4% (n=2)"),
        ([0.5, 0.5, 0.5], "50.0% ± 0.0% (n=3)"),
        (["skipped"], "skipped"),
        (["waiting", "waiting"], "waiting"),
        (["failed", "running"], "failed, running"),
        ([0.5, "failed"], "50.0% [failed]"),
        ([0.25, "waiting", 0.75], "50.0% ± 35.4% (n=2) [waiting]"),
    ],
)
def test_a_cell_says_what_it_rests_on_and_what_is_missing(found: list[Any], text: str) -> None:
    _, body = grid(fill_table(TABLE_2, records([cell(2, 0.2, *found)])))
    # By hand: the deviation of 1/4 and 3/4 is sqrt(1/8).
    assert body == [["2x2", text]]


@pytest.mark.parametrize(
    ("metric", "dev", "results", "chosen"),
    [
        ("val_accuracy", "dev_accuracy", [(0.1, 0.9), (0.7, 0.2), (0.3, 0.6)], 0.2),
        ("val_accuracy", "dev_accuracy", [(0.5, 0.9), (0.5, 0.2)], 0.9),
        ("val_accuracy", "dev_accuracy", [(None, 0.9), (None, 0.2)], 0.2),
        ("val_loss", "dev_loss", [(3.0, 0.9), (0.5, 0.2), (0.7, 0.1)], 0.2),
        ("train_accuracy", "dev_accuracy", [(0.9, 0.4), (0.8, 0.5)], 0.4),
    ],
)
def test_the_best_epoch_is_chosen_on_the_dev_set(
    metric: Any, dev: str, results: list[tuple[float | None, float]], chosen: float
) -> None:
    found = records([("a", {}, [0.0])])
    epochs = [
        {**EPOCH, "trial_key": "a/0", "epoch": number, dev: measured, metric: result}
        for number, (measured, result) in enumerate(results, 1)
    ]
    found = Records(found.trials, table_of(EPOCHS, epochs), found.cells)
    table = Table(name="t", title="t", kind="finetune", metric=metric, select="best_on_dev")
    # Highest dev accuracy or lowest dev loss, the first of equals; the last epoch without any.
    assert fill_table(table, found).values[0].results == (chosen,)
    # The validation set never chooses: `last` is the last.
    last = fill_table(table.model_copy(update={"select": "last"}), found)
    assert last.values[0].results == (results[-1][1],)


@pytest.mark.parametrize("metric", ["val_accuracy", "train_accuracy"])
def test_a_metric_that_no_epoch_has_is_missing(metric: Any) -> None:
    table = Table(name="t", title="t", kind="finetune", metric=metric)
    [value] = fill_table(table, records([("a", {}, [0.5])], metric="val_loss")).values
    # A pretraining has no accuracy: that is said, not a crash at the end of a study.
    assert (value.results, value.missing) == ((), f"no {metric}")


def test_a_done_trial_without_rows_is_missing() -> None:
    [value] = fill_table(TABLE_2, records([("a", {}, ["waiting"])], state="done")).values
    # Its rows were deleted from the store.
    assert (value.results, value.missing) == ((), "no val_accuracy")


def filled_example() -> Filled:
    cells = [BASELINE, cell(2, 0.2, 0.25, 0.75), cell(2, 0.4, "failed")]
    return fill_table(TABLE_2, records(cells))


def test_the_long_form_holds_every_cell_once() -> None:
    found = to_arrow(filled_example()).to_pylist()
    empty = dict.fromkeys(["row", "column", "sd", "published", "missing", *YARDSTICKS])
    same = {**empty, "metric": "val_accuracy"}
    # Numbers unrounded, absent ones null and never zero.
    assert found == [
        {**same, "cell": "baseline", "mean": 0.25, "n": 1},
        {**same, "cell": "patch_size=2,mask_ratio=0.2", "row": "2x2", "column": "20 %",
         "mean": 0.5, "sd": pytest.approx(np.sqrt(1 / 8)), "n": 2},
        {**same, "cell": "patch_size=2,mask_ratio=0.4", "row": "2x2", "column": "40 %",
         "mean": None, "n": 0, "missing": "failed"},
    ]  # fmt: skip
