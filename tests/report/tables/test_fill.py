"""A study's tables, filled from records made by hand."""

from typing import Any

import numpy as np
import pytest
from hand_records import BASELINE, EPOCH, cell, records
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.report.formats.grid import sections
from orchestrator.report.records.collect import Records
from orchestrator.report.tables.fill import fill_table
from orchestrator.store.schemas import CELLS, EPOCHS, TRIALS, table_of
from orchestrator.study.tables import TABLE_2, Table

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
        ([0.25, 0.75], "50.0% ± 35.4%"),
        ([0.5, 0.5, 0.5], "50.0% ± 0.0%"),
        (["skipped"], "skipped"),
        (["waiting", "waiting"], "waiting"),
        (["failed", "running"], "failed, running"),
        ([0.5, "failed"], "50.0% (n=1: failed)"),
        ([0.25, "waiting", 0.75], "50.0% ± 35.4% (n=2: waiting)"),
    ],
)
def test_a_cell_says_what_it_rests_on_and_what_is_missing(found: list[Any], text: str) -> None:
    body = sections(fill_table(TABLE_2, records([cell(2, 0.2, *found)])))[0].body
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
    table = Table(name="t", title="t", stage="finetune", metric=metric, select="best_on_dev")
    # Highest dev accuracy or lowest dev loss, the first of equals; the last epoch without any.
    assert fill_table(table, found).values[0].results == (chosen,)
    # The validation set never chooses: `last` is the last.
    last = fill_table(table.model_copy(update={"select": "last"}), found)
    assert last.values[0].results == (results[-1][1],)


@pytest.mark.parametrize("metric", ["val_accuracy", "train_accuracy"])
def test_a_metric_that_no_epoch_has_is_missing(metric: Any) -> None:
    table = Table(name="t", title="t", stage="finetune", metric=metric)
    [value] = fill_table(table, records([("a", {}, [0.5])], metric="val_loss")).values
    # A pretraining has no accuracy: that is said, not a crash at the end of a study.
    assert (value.results, value.missing) == ((), f"no {metric}")


def test_a_done_trial_without_rows_is_missing() -> None:
    [value] = fill_table(TABLE_2, records([("a", {}, ["waiting"])], state="done")).values
    # Its rows were deleted from the store.
    assert (value.results, value.missing) == ((), "no val_accuracy")


def test_older_studies_call_the_stage_of_a_table_its_kind() -> None:
    given = {"name": "t", "title": "t", "metric": "val_accuracy"}
    table = Table.model_validate({**given, "kind": "finetune"})
    assert table == Table.model_validate({**given, "stage": "finetune"})
    assert "kind" not in table.model_dump()


# --- what stands behind a result --------------------------------------------------------------


def test_results_are_kept_by_seed() -> None:
    [value] = fill_table(TABLE_2, records([cell(2, 0.2, 0.5, "failed", 0.25)])).values
    # So that cells can be paired even where one lacks a seed.
    assert (value.by_seed, value.requested) == ({0: 0.5, 2: 0.25}, 3)


def test_a_cell_knows_the_same_finetuning_without_pretraining() -> None:
    other = '{"seed": 0, "model": {"init": "he"}}'
    found = records([BASELINE, cell(2, 0.2, 0.5), ("he", {}, [0.5])], recipe='{"seed": 0}')
    trials = found.trials.to_pylist()
    trials[2]["recipe"] = other
    found = Records(table_of(TRIALS, trials), found.epochs, found.cells)
    scratch = {value.cell: value.scratch for value in fill_table(TABLE_2, found).values}
    # Another recipe has no such cell, nor has one without pretraining itself.
    assert scratch == {"baseline": None, "patch_size=2,mask_ratio=0.2": "baseline", "he": None}


@pytest.mark.parametrize(
    ("trial", "images"),
    [
        (
            {"val_images": 321, "recipe": '{"data": {"source": "tiny-imagenet", "classes": null}}'},
            321,
        ),
        ({"recipe": '{"data": {"source": "tiny-imagenet", "classes": null}}'}, 10_000),
        ({"recipe": '{"data": {"source": "tiny-imagenet", "classes": ["a", "b"]}}'}, 100),
        (
            {"recipe": '{"data": {"source": "synthetic", "num_classes": 20, "val_per_class": 12}}'},
            240,
        ),
        ({"recipe": '{"data": {"source": "folder", "classes": null}}'}, None),
        ({"recipe": "{}"}, None),
    ],
)
def test_the_validation_images_are_those_that_were_counted(
    trial: dict[str, Any], images: int | None
) -> None:
    found = records([cell(2, 0.2, 0.5)], **trial)
    assert fill_table(TABLE_2, found).val_images == images
    # A training accuracy is not one of these images.
    table = TABLE_2.model_copy(update={"metric": "train_accuracy"})
    assert fill_table(table, found).val_images is None


def test_images_of_another_stage_say_nothing_of_this_ones() -> None:
    ours = '{"data": {"source": "folder", "classes": ["a", "b"]}}'
    found = records([cell(2, 0.2, 0.5), cell(4, 0.2, 0.5)], val_images=321, recipe=ours)
    other = {
        "val_images": 7,
        "recipe": '{"data": {"source": "folder", "classes": ["a", "b", "c"]}}',
    }
    trials = found.trials.to_pylist()
    trials[0] |= other
    # The first trial is a stage of its own, which comes first.
    rows = [row for row in found.cells.to_pylist() if row["trial_key"] == trials[1]["trial_key"]]
    rows.append({**rows[0], "stage": "other", "trial_key": trials[0]["trial_key"]})
    found = Records(table_of(TRIALS, trials), found.epochs, table_of(CELLS, rows))
    filled = fill_table(TABLE_2, found)
    assert (filled.val_images, filled.guess.chance) == (321, 0.5)
