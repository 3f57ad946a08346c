"""Tables as text: arrangement, labels, Markdown."""

import json
from typing import Any

import numpy as np
import pytest
from hand_records import BASELINE, cell, point, records

from orchestrator.report.formats.grid import Grid, sections
from orchestrator.report.tables.axes import label
from orchestrator.report.tables.fill import FilledTable, fill_table
from orchestrator.study.tables import TABLE_1, TABLE_2, Table


def grid(filled: FilledTable) -> Grid:
    table = sections(filled)[0]
    return table.header, table.body


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
        name="t", title="t", stage="finetune", metric="val_loss",
        rows="model.init", columns="finetune.optim.lr",
    )  # fmt: skip
    cells = [
        point({"model.init": init, "finetune.optim.lr": lr}, 0.5)
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


def test_values_that_agree_to_six_digits_are_printed_with_more() -> None:
    rates = (1.234561e-4, 1.2345612e-4)
    cells = [
        point({"finetune.optim.lr": lr, "patch_size": 2, "mask_ratio": 0.2}, 0.5 + i / 4)
        for i, lr in enumerate(rates)
    ]
    # As an axis beside the table's own, no cell takes the other's place.
    _, body = grid(fill_table(TABLE_2, records(cells)))
    assert body == [
        ["2x2, finetune.optim.lr=0.0001234561", "50.0%"],
        ["2x2, finetune.optim.lr=0.00012345612", "75.0%"],
    ]
    # Nor do two columns, or two rows, read the same.
    table = TABLE_2.model_copy(update={"columns": "finetune.optim.lr"})
    header, body = grid(fill_table(table, records(cells)))
    assert header == ["patch", "0.0001234561", "0.00012345612"]
    assert body == [["2x2, mask_ratio=20 %", "50.0%", "75.0%"]]


@pytest.mark.parametrize(
    "ratios", [(1 / 3, 0.33333), (0.3, 0.1 + 0.2), (0.3, np.nextafter(0.3, 1))]
)
def test_ratios_that_agree_as_percentages_are_printed_with_more_digits(
    ratios: tuple[float, float],
) -> None:
    found = [point({"patch_size": 2, "mask_ratio": float(ratio)}, 0.5) for ratio in ratios]
    header, body = grid(fill_table(TABLE_2, records(found)))
    assert len(set(header)) == 3
    # By the numbers themselves, in their order.
    assert [float(name.removesuffix(" %")) / 100 for name in header[1:]] == pytest.approx(
        sorted(ratios)
    )
    assert body == [["2x2", "50.0%", "50.0%"]]


# --- beside the paper -------------------------------------------------------------------------


def parts(filled: FilledTable) -> dict[str, list[list[str]]]:
    return {part.title: part.body for part in sections(filled)}


def test_published_values_and_differences_stand_below_ours() -> None:
    table = TABLE_2.model_copy(update={"published": "terentiev-2024/table-2"})
    cells = [BASELINE, cell(4, 0.2, 0.5), cell(4, 0.3, 0.5), cell(8, 0.6, "skipped")]
    found = parts(fill_table(table, records(cells, val_images=2500)))
    # 40 % and 44.7 % by the paper; it has no 30 %, and what we lack is told as such.
    assert found[TABLE_2.title] == [
        ["baseline", "25.0%", "", ""], ["4x4", "50.0%", "50.0%", ""], ["8x8", "", "", "skipped"],
    ]  # fmt: skip
    assert found["The paper's values"] == [
        ["baseline", "40.0%", "", ""], ["4x4", "44.7%", "", ""], ["8x8", "", "", "44.1%"],
    ]  # fmt: skip
    # By hand: 1.96 sqrt(.25 .75 / 2500 + .4 .6 / 10000) = 1.95 points.
    assert found["Ours minus the paper's, points"] == [
        ["baseline", "-15.0 ± 2.0", "", ""], ["4x4", "+5.3 ± 2.2", "", ""],
    ]  # fmt: skip


def test_a_loss_of_one_seed_differs_without_an_interval() -> None:
    table = TABLE_1.model_copy(update={"published": "terentiev-2024/table-1"})
    found = parts(fill_table(table, records([cell(2, 0.2, 0.01779)], "val_loss")))
    # Nothing is known of its noise; and no zero has a minus sign.
    assert found["Ours minus the paper's"] == [["2x2", "+0.0000"]]


def test_seeds_bring_intervals_and_differences() -> None:
    cells = [("baseline", {}, [0.30, 0.31, 0.32]), cell(2, 0.2, 0.40, 0.42, 0.41)]
    found = parts(fill_table(TABLE_2, records(cells)))
    # Differences 10, 11, 9: deviation 1, half of the interval 4.303 / sqrt(3) points.
    assert found["Minus the same network without pretraining, points"] == [["2x2", "+10.0 ± 2.5 *"]]
    intervals = found["95 % interval of the mean (bootstrap over seeds)"]
    assert intervals == [["baseline", "30.0% to 32.0%"], ["2x2", "40.0% to 42.0%"]]


def test_losses_over_seeds_stand_beside_the_row_above() -> None:
    cells = [cell(2, 0.2, 0.010, 0.011, 0.012), cell(4, 0.2, 0.020, 0.022, 0.021)]
    found = parts(fill_table(TABLE_1, records(cells, "val_loss")))
    # The paper's claim is about this difference.
    assert found["Minus the row above"] == [["4x4", "+0.0100 ± 0.0025 *"]]


@pytest.mark.parametrize(
    ("other", "shown"),
    [([0.1, 0.11, 0.12], "**41.0% ± 1.0%**"), ([0.4, 0.41, 0.44], "41.0% ± 1.0%")],
)
def test_the_best_is_set_strong_only_where_seeds_confirm_it(other: list[float], shown: str) -> None:
    cells = [cell(2, 0.2, 0.40, 0.42, 0.41), ("x", {}, [v - 0.02 for v in other])]
    body = sections(fill_table(TABLE_2, records(cells)))[0].rows("**{}**")
    assert body[-1] == ["2x2", shown]


def test_three_ratios_of_seeds_fit_a_terminal() -> None:
    table = TABLE_1.model_copy(update={"published": "terentiev-2024/table-1"})
    cells = [cell(size, ratio, 0.01, 0.05, 0.02) for size in (2, 4, 8) for ratio in (0.2, 0.4, 0.6)]
    for part in sections(fill_table(table, records(cells, "val_loss"))):
        widths = [max(map(len, column)) for column in zip(part.header, *part.body, strict=True)]
        # Two spaces before each column and one after the last, as it is printed.
        assert sum(widths) + 3 * len(widths) <= 80


# --- beside what needs no learning ------------------------------------------------------------


def test_a_reconstruction_loss_stands_above_what_costs_no_learning() -> None:
    plain = {"zero_fill": 0.09, "mean_fill": 0.04, "gaussian_fill": 0.02}
    found = records([cell(4, 0.2, 0.0185, 0.0205)], "val_loss", **plain)
    first, *_, last = sections(fill_table(TABLE_1, found))
    # Our own first, then black, mean colour and Gaussian, in the same arrangement.
    assert (first.title, last.title) == (
        TABLE_1.title,
        "Trivial fills (no learning), same images and masks",
    )
    assert last.body == [
        ["black, 4x4", "0.0900"], ["mean colour, 4x4", "0.0400"], ["Gaussian inpainting, 4x4", "0.0200"],
    ]  # fmt: skip


def test_fills_beside_a_loss_over_hidden_pixels_are_over_hidden_pixels() -> None:
    plain = {"zero_fill": 0.09, "mean_fill": 0.04, "gaussian_fill": 0.02}
    recipe = json.dumps({"train": {"loss_region": "masked"}})
    loss = records([cell(4, 0.2, 0.0185)], "val_loss", recipe=recipe, **plain)
    filled = fill_table(TABLE_1, loss)
    # The heading and the unit say so; of one loss over all pixels neither would.
    assert (
        sections(filled)[-1].title
        == "Trivial fills (no learning), same images and masks, hidden pixels"
    )
    assert filled.unit == "L1 in [0,1], hidden pixels"
    assert fill_table(TABLE_1, records([cell(4, 0.2, 0.0185)], "val_loss")).unit == "L1 in [0,1]"


def test_an_accuracy_has_no_such_yardsticks() -> None:
    found = records([cell(4, 0.2, 0.5)], zero_fill=0.09, mean_fill=0.04, gaussian_fill=0.02)
    assert len(sections(fill_table(TABLE_2, found))) == 1


def test_a_study_of_arms_alone_is_headed_by_its_metric() -> None:
    header, body = grid(fill_table(TABLE_2, records([BASELINE])))
    assert (header, body) == (["cell", "val_accuracy"], [["baseline", "25.0%"]])
