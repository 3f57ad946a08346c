"""A study's tables, filled from records made by hand."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.ledger import YARDSTICKS
from orchestrator.records import CELLS, EPOCHS, TRIALS, table_of
from orchestrator.report.collect import Records
from orchestrator.report.layout import grid, sections, to_markdown
from orchestrator.report.tables import Filled, fill_table, label, to_arrow
from orchestrator.study import TABLE_1, TABLE_2, Table

TRIAL: dict[str, Any] = {
    "kind": "finetune", "state": "done", "seed": 0, "epochs": 1, "epochs_done": 1,
    "train_seconds": 1.0, "restarts": 0, "recipe": "{}",
}  # fmt: skip
EPOCH: dict[str, Any] = {
    "epoch": 1, "step": 1, "learning_rate": 0.1, "train_loss": 9.0, "val_loss": 9.0,
    "train_images": 1, "train_seconds": 1.0, "eval_seconds": 1.0,
}  # fmt: skip
Asked = tuple[str, dict[str, Any], list[Any]]


def records(cells: list[Asked], metric: str = "val_accuracy", **trial: Any) -> Records:
    """Cells by name, values, and one entry a seed: the metric of the last epoch, or a state."""
    trials, epochs, asked = [], [], []
    for name, values, found in cells:
        for seed, result in enumerate(found):
            key = f"{name}/{seed}"
            ended = isinstance(result, float)
            state = {"state": "done" if ended else result}
            trials.append({**TRIAL, "trial_key": key, "seed": seed, **state, **trial})
            asked.append({
                "cell": name, "seed": seed, "values": json.dumps(values),
                "pretrain_key": None if name == "baseline" else key, "finetune_key": key,
            })  # fmt: skip
            if ended:
                epochs.append({**EPOCH, "trial_key": key, metric: result})
    return Records(table_of(TRIALS, trials), table_of(EPOCHS, epochs), table_of(CELLS, asked))


def cell(size: int, ratio: float, *found: Any, **more: Any) -> Asked:
    values = {"patch_size": size, "mask_ratio": ratio, **more}
    return ",".join(f"{axis}={value}" for axis, value in values.items()), values, list(found)


BASELINE: Asked = ("baseline", {}, [0.25])


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


# --- the arrangement --------------------------------------------------------------------------


def test_a_table_stands_as_in_the_paper() -> None:
    cells = [BASELINE] + [
        cell(size, ratio, size / 100 + ratio / 10) for ratio in (0.6, 0.2) for size in (16, 2, 4)
    ]
    header, body = grid(fill_table(TABLE_2, records(cells)))
    # Sizes down, ratios along, both in order of their number; the baseline first, by itself.
    assert header == ["patch", "20 %", "60 %"]
    assert body == [
        ["baseline", "25.0%", ""],
        ["2x2", "4.0%", "8.0%"],
        ["4x4", "6.0%", "10.0%"],
        ["16x16", "18.0%", "22.0%"],
    ]


def test_a_point_that_was_not_asked_for_stays_empty() -> None:
    _, body = grid(fill_table(TABLE_2, records([cell(2, 0.2, 0.5), cell(4, 0.4, 0.75)])))
    # Draws of a random search fill no whole grid.
    assert body == [["2x2", "50.0%", ""], ["4x4", "", "75.0%"]]


def test_another_axis_makes_rows_of_its_own() -> None:
    cells = [cell(2, 0.2, 0.5, **{"model.init": init}) for init in ("he", "uvcgan2")]
    _, body = grid(fill_table(TABLE_2, records(cells)))
    # No value takes another's place.
    assert body == [["2x2, model.init=he", "50.0%"], ["2x2, model.init=uvcgan2", "50.0%"]]


def test_an_arm_keeps_its_name_and_the_grid_its_values() -> None:
    values = {"patch_size": 2, "mask_ratio": 0.2}
    cells = [("he-2x2", values, [0.75]), ("half", {"patch_size": 2}, [0.5]), cell(2, 0.2, 0.25)]
    _, body = grid(fill_table(TABLE_2, records(cells)))
    # Even if it sets the very axes of the table.
    assert body == [["he-2x2", "75.0%"], ["half", "50.0%"], ["2x2", "25.0%"]]


def test_a_table_of_pretrainings_has_no_baseline() -> None:
    found = records([BASELINE, cell(2, 0.2, 0.125)], metric="val_loss")
    _, body = grid(fill_table(TABLE_1, found))
    # A loss has four digits.
    assert body == [["2x2", "0.1250"]]


def test_words_stand_in_the_order_of_the_study() -> None:
    table = Table(
        name="t", title="t", kind="finetune", metric="val_loss",
        rows="model.init", columns="finetune.optim.lr",
    )  # fmt: skip
    cells = [
        (f"model.init={init},lr={lr}", {"model.init": init, "finetune.optim.lr": lr}, [0.5])
        for init in ("uvcgan2", "he") for lr in (1e-3, 1e-4)
    ]  # fmt: skip
    header, body = grid(fill_table(table, records(cells, metric="val_loss")))
    # Numbers by size, words as they came.
    assert header == ["model.init", "0.0001", "0.001"]
    assert [line[0] for line in body] == ["uvcgan2", "he"]


@pytest.mark.parametrize(
    ("axis", "value", "text"),
    [
        ("patch_size", 4, "4x4"), ("mask_ratio", 0.2, "20 %"), ("mask_ratio", 0.125, "12.5 %"),
        ("mask_ratio", 1 / 3, "33.33 %"), ("mask_ratio", 0.1 + 0.2, "30 %"),
        ("finetune.optim.lr", 1e-4, "0.0001"), ("model.init", "he", "he"),
        ("model.rezero", True, "True"),
    ],
)  # fmt: skip
def test_axis_values_are_printed_as_in_the_paper(axis: str, value: Any, text: str) -> None:
    assert label(axis, value) == text


# --- beside the paper -------------------------------------------------------------------------


def test_published_values_stand_beside_ours() -> None:
    table = TABLE_2.model_copy(update={"published": "terentiev-2024/table-2"})
    cells = [BASELINE, cell(4, 0.2, 0.5), cell(4, 0.3, 0.5), cell(8, 0.6, "skipped")]
    filled = fill_table(table, records(cells))
    # 40 % and 44.7 % by the paper; it has no 30 %, and what we lack is told as such.
    assert [value.published for value in filled.values] == [0.40, 0.447, None, 0.441]
    assert grid(filled)[1] == [
        ["baseline", "25.0% (paper 40.0%)", "", ""],
        ["4x4", "50.0% (paper 44.7%)", "50.0%", ""],
        ["8x8", "", "", "skipped"],
    ]


# --- as files ---------------------------------------------------------------------------------


def filled_example() -> Filled:
    cells = [BASELINE, cell(2, 0.2, 0.25, 0.75), cell(2, 0.4, "failed")]
    return fill_table(TABLE_2, records(cells))


def test_markdown_is_a_titled_table() -> None:
    # Whole, as it appears in a page.
    assert to_markdown(filled_example()) == (
        f"**{TABLE_2.title}**\n\n"
        "| patch | 20 % | 40 % |\n"
        "| --- | --- | --- |\n"
        "| baseline | 25.0% |  |\n"
        "| 2x2 | 50.0% ± 35.4% (n=2) | failed |\n"
    )


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
