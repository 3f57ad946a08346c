"""Curves: every line has the numbers of the records, and says what it is."""

import numpy as np
import pytest
from figure_records import (
    BASE,
    EPOCHS_ASKED,
    GRID,
    cell,
    drawn,
    number,
    recorded,
    study,
)
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orchestrator.report.figures.style import BASELINE, GREY, look

EPOCHS = list(range(1, EPOCHS_ASKED + 1))
PAPER = [
    {"name": "two", "title": "", "stage": "finetune", "metric": "val_accuracy",
     "published": "terentiev-2024/table-2"},
]  # fmt: skip


def lines(figure: Figure, panel: int = 0) -> dict[str, Line2D]:
    """A panel's curves by their colours."""
    found = [line for line in figure.axes[panel].lines if len(np.atleast_1d(line.get_xdata())) > 2]
    return {str(line.get_color()): line for line in found if line.get_linestyle() != ":"}


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def accuracies(name: str, seed: int = 0) -> list[float]:
    return [number(name, seed, "finetune", epoch) for epoch in EPOCHS]


@pytest.mark.parametrize(
    ("figure", "size"), [("figure_3_patch_2x2", 2), ("figure_4_patch_4x4", 4), ("figure_5_patch_8x8", 8)]
)  # fmt: skip
def test_a_figure_has_its_patch_size_and_the_baseline(figure: str, size: int) -> None:
    made = drawn(study(), recorded([BASE, *GRID]))[figure].draw()
    found = lines(made)
    expected = {BASELINE.colour: accuracies("baseline")} | {
        look(place).colour: accuracies(f"patch_size={size},mask_ratio={ratio}")
        for place, ratio in enumerate((0.2, 0.4, 0.6))
    }
    assert {colour: list(line.get_ydata()) for colour, line in found.items()} == expected
    assert all(list(line.get_xdata()) == EPOCHS for line in found.values())
    # Guessing among five classes; the same scale in all three figures.
    assert words(made) == ["baseline", "20 % masked", "40 % masked", "60 % masked", "chance"]
    (chance,) = [line for line in made.axes[0].lines if line.get_color() == GREY]
    assert set(np.atleast_1d(chance.get_ydata())) == {0.2}
    highest = max(max(accuracies(name)) for name, _ in [BASE, *GRID])
    assert made.axes[0].get_ylim() == (0, min(1.02, 1.08 * highest))


def test_a_cell_looks_the_same_wherever_it_stands() -> None:
    holed = [cell for cell in GRID if cell[1] != {"patch_size": 4, "mask_ratio": 0.2}]
    made = drawn(study(), recorded([BASE, *holed]))["figure_4_patch_4x4"].draw()
    # 40 % does not move up where 20 % is missing.
    assert lines(made).keys() == {BASELINE.colour, look(1).colour, look(2).colour}


def test_seeds_become_a_mean_and_a_band() -> None:
    seeds = (0, 1, 2)
    made = drawn(study(), recorded([BASE, *GRID], seeds))["figure_3_patch_2x2"].draw()
    found = np.array([accuracies("baseline", seed) for seed in seeds])
    np.testing.assert_allclose(lines(made)[BASELINE.colour].get_ydata(), found.mean(axis=0))
    band = made.axes[0].collections[0].get_paths()[0].vertices
    for epoch, mean, sd in zip(EPOCHS, found.mean(axis=0), found.std(axis=0, ddof=1), strict=True):
        heights = band[np.isclose(band[:, 0], epoch), 1]
        assert (heights.min(), heights.max()) == pytest.approx((mean - sd, mean + sd))
    assert "band: ± 1 SD of seeds (n=3)" in words(made)


def test_a_line_says_how_many_seeds_have_come_so_far() -> None:
    def ended(name: str, seed: int, stage: str) -> tuple[str, int]:
        return ("running", 2) if (seed, "0.4" in name) == (1, True) else ("done", EPOCHS_ASKED)

    made = drawn(study(), recorded([BASE, *GRID], (0, 1), ended))["figure_3_patch_2x2"].draw()
    assert words(made)[:3] == [
        "baseline (n=2)", "20 % masked (n=2)", "40 % masked (n=1 to 2, unfinished)",
    ]  # fmt: skip
    name = "patch_size=2,mask_ratio=0.4"
    first, second = accuracies(name), accuracies(name, 1)
    # The mean of both while both are there, then the one that goes on.
    expected = [(a + b) / 2 for a, b in zip(first[:2], second[:2], strict=True)] + first[2:]
    np.testing.assert_allclose(lines(made)[look(1).colour].get_ydata(), expected)


def test_the_papers_values_stand_at_the_edge() -> None:
    records = recorded([BASE, *GRID])
    made = drawn(study(tables=PAPER), records)["figure_4_patch_4x4"].draw()
    marks = [line for line in made.axes[0].lines if line.get_linestyle() == "None"]
    assert [line.get_ydata()[0] for line in marks] == [0.40, 0.447, 0.432, 0.436]
    assert [line.get_color() for line in marks] == [
        BASELINE.colour,
        *(look(n).colour for n in range(3)),
    ]
    # Only where the study asks for them.
    assert "right edge: the paper, last epoch" in words(made)
    plain = drawn(study(), records)["figure_4_patch_4x4"].draw()
    assert "right edge: the paper, last epoch" not in words(plain)


def test_a_legend_fits_its_figure_however_long_the_names() -> None:
    name = "an-arm-of-a-name-that-goes-on-and-on-as-names-of-arms-do-" + "x" * 20
    cells = [BASE, *((f"{name}-{n}", {"model.init": "he"}) for n in range(7))]
    made = drawn(study(), recorded(cells, seeds=(0, 1)))["accuracy_1_arms"].draw()
    made.draw_without_rendering()
    legend, axes = made.legends[0].get_window_extent(), made.axes[0].get_tightbbox()
    assert legend.x0 >= 0 and legend.x1 <= made.bbox.width
    # Nor does it cover the curves, or squeeze them.
    assert legend.y1 <= axes.y0
    assert made.axes[0].get_window_extent().height / made.dpi > 1.2


@pytest.mark.parametrize(
    ("figure", "horizontal"), [("figure_3_patch_2x2", True), ("arms_table_2", False)]
)
def test_the_largest_class_is_drawn_beside_chance(figure: str, horizontal: bool) -> None:
    records = recorded([BASE, *GRID, ("arm", {"model.init": "he"})])
    column = records.trials.schema.get_field_index("provenance")
    counted = ['{"num_classes": 4, "largest_class_share": 0.7}'] * records.trials.num_rows
    field = records.trials.schema.field(column)
    trials = records.trials.set_column(column, field, [counted])
    made = drawn(study(), type(records)(trials, records.epochs, records.cells))[figure].draw()
    assert words(made)[-2:] == ["chance", "largest class"]
    grey = [
        line
        for line in made.axes[0].lines
        if line.get_color() == GREY and line.get_marker() == "None"
    ]
    at = [np.unique(line.get_ydata() if horizontal else line.get_xdata()).tolist() for line in grey]
    assert at == [[0.25], [0.7]]


def test_no_more_classes_are_known_than_are_recorded() -> None:
    records = recorded([BASE, cell(patch_size=2, mask_ratio=0.2)])
    recipe = records.trials.schema.get_field_index("recipe")
    unknown = ['{"data": {"source": "folder", "classes": null}}'] * records.trials.num_rows
    trials = records.trials.set_column(recipe, records.trials.schema.field(recipe), [unknown])
    made = drawn(study(), type(records)(trials, records.epochs, records.cells))
    assert "chance" not in words(made["figure_3_patch_2x2"].draw())
