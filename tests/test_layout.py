"""Tables as text: arrangement, labels, Markdown."""

from typing import Any

import pytest
from hand_records import BASELINE, cell, records

from orchestrator.report.layout import grid, sections, to_markdown
from orchestrator.report.tables import Filled, fill_table, label, to_arrow
from orchestrator.study import TABLE_1, TABLE_2, Table

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


# --- beside what needs no learning ------------------------------------------------------------


def test_a_reconstruction_loss_stands_above_what_costs_no_learning() -> None:
    plain = {"zero_fill": 0.09, "mean_fill": 0.04, "gaussian_fill": 0.02}
    found = records([cell(4, 0.2, 0.0185, 0.0205)], "val_loss", **plain)
    titles, tables = zip(*sections(fill_table(TABLE_1, found)), strict=True)
    # Our own first, then black, mean colour and Gaussian, in the same arrangement.
    assert titles[0] == TABLE_1.title
    assert [title.rsplit(": ")[1] for title in titles[1:]] == [
        "black", "mean colour", "Gaussian inpainting",
    ]  # fmt: skip
    assert [body for _, body in tables[1:]] == [
        [["4x4", "0.0900"]], [["4x4", "0.0400"]], [["4x4", "0.0200"]],
    ]  # fmt: skip
    # The long form holds them as numbers.
    [row] = to_arrow(fill_table(TABLE_1, found)).to_pylist()
    assert {name: row[name] for name in plain} == plain


def test_an_accuracy_has_no_such_yardsticks() -> None:
    found = records([cell(4, 0.2, 0.5)], zero_fill=0.09, mean_fill=0.04, gaussian_fill=0.02)
    assert len(sections(fill_table(TABLE_2, found))) == 1


def test_a_study_of_arms_alone_is_headed_by_its_metric() -> None:
    header, body = grid(fill_table(TABLE_2, records([BASELINE])))
    assert (header, body) == (["cell", "val_accuracy"], [["baseline", "25.0%"]])
