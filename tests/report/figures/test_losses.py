"""Losses and learning rates by epoch."""

import numpy as np
import pyarrow.compute as pc
from figure_records import BASE, EPOCHS_ASKED, GRID, drawn, number, recorded, study
from matplotlib.figure import Figure

from orchestrator.report.figures.style import BASELINE, look
from orchestrator.report.records.collect import Records

EPOCHS = list(range(1, EPOCHS_ASKED + 1))


def curves(figure: Figure, panel: int, dotted: bool) -> dict[str, list[float]]:
    return {
        str(line.get_color()): list(line.get_ydata())
        for line in figure.axes[panel].lines
        if (line.get_linestyle() == ":") is dotted and line.get_linestyle() != "None"
    }


def losses(name: str, stage: str, top: float) -> list[float]:
    return [top - number(name, 0, stage, epoch) for epoch in EPOCHS]


def test_losses_of_both_stages_stand_in_a_panel_for_each_patch_size() -> None:
    made = drawn(study(), recorded([BASE, *GRID]))
    for stage, first in (("pretrain", {}), ("finetune", {BASELINE.colour: "baseline"})):
        figure = made[f"loss_{stage}"].draw()
        assert [axes.get_title(loc="left") for axes in figure.axes] == [
            "patch 2x2", "patch 4x4", "patch 8x8",
        ]  # fmt: skip
        for panel, size in enumerate((2, 4, 8)):
            names = first | {
                look(place).colour: f"patch_size={size},mask_ratio={ratio}"
                for place, ratio in enumerate((0.2, 0.4, 0.6))
            }
            for dotted, top in ((False, 1), (True, 2)):
                expected = {colour: losses(name, stage, top) for colour, name in names.items()}
                assert curves(figure, panel, dotted) == expected


def test_axes_say_what_a_loss_is() -> None:
    records = recorded([BASE, *GRID])
    masked = {"pretrain": {"loss_region": "masked"}}
    both = {"space": {"pretrain.loss_region": {"grid": ["all", "masked"]}}}
    for change, words in (
        ({}, "Loss (L1, all pixels)"), (masked, "Loss (L1, hidden pixels)"), (both, "Loss (L1)"),
    ):  # fmt: skip
        figures = drawn(study(**change), records)
        assert figures["loss_pretrain"].draw().axes[0].get_ylabel() == words
    finetuning = drawn(study(), records)["loss_finetune"].draw()
    assert finetuning.axes[0].get_ylabel() == "Loss (cross-entropy, nats)"


def test_what_needs_no_learning_stands_at_the_edge() -> None:
    figure = drawn(study(), recorded([BASE, *GRID]))["loss_pretrain"].draw()
    marks = [line for line in figure.axes[1].lines if line.get_linestyle() == "None"]
    assert [line.get_ydata()[0] for line in marks] == [0.1] * 3


def test_only_fresh_weights_may_pass_the_top() -> None:
    figure = drawn(study(), recorded([BASE, *GRID]))["loss_finetune"].draw()
    top = figure.axes[0].get_ylim()[1]
    later = [values[1:] for panel in range(3) for values in curves(figure, panel, True).values()]
    assert top > np.max(later)


def test_a_loss_needs_no_table_of_its_own() -> None:
    table = {"name": "t", "title": "", "stage": "finetune", "metric": "val_accuracy"}
    made = drawn(study(tables=[table]), recorded([BASE, *GRID]))
    assert {"loss_pretrain", "loss_finetune"} <= made.keys()


def test_equal_learning_rates_are_one_line() -> None:
    def ended(name: str, *_: object) -> tuple[str, int]:
        return ("running", 2) if "0.6" in name else ("done", EPOCHS_ASKED)

    records = recorded([BASE, *GRID], ended=ended)
    figure = drawn(study(), records)["learning_rate"].draw()
    # An unfinished trial's are the beginning of its fellows'.
    for axes in figure.axes:
        (line,) = axes.lines
        np.testing.assert_allclose(line.get_ydata(), [0.01 * epoch for epoch in EPOCHS])
    assert not figure.legends


def test_other_learning_rates_are_named() -> None:
    records = recorded([BASE, *GRID])
    rates = records.epochs["learning_rate"]
    mine = pc.starts_with(records.epochs["trial_key"], "classify-finetune-baseline")
    column = records.epochs.schema.get_field_index("learning_rate")
    field = records.epochs.schema.field(column)
    changed = pc.if_else(mine, pc.multiply(rates, 2), rates)
    epochs = records.epochs.set_column(column, field, changed)
    figure = drawn(study(), Records(records.trials, epochs, records.cells))["learning_rate"].draw()
    assert sorted(text.get_text().partition(" and ")[0] for text in figure.legends[0].get_texts()) == [
        "finetuning: baseline", "finetuning: patch_size=2,mask_ratio=0.2",
        "pretraining: patch_size=2,mask_ratio=0.2",
    ]  # fmt: skip
    assert len(figure.axes[1].lines) == 2
