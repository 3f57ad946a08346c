"""Cells that make no grid."""

import numpy as np
from figure_records import BASE, EPOCHS_ASKED, cell, drawn, number, recorded, study
from matplotlib.container import ErrorbarContainer

from orchestrator.report.figures.style import look

ARMS = [BASE, ("arm", {"model.init": "he"}), ("baseline-he", {"model.init": "he"})]
SEEDS = (0, 1, 2)


def test_arms_are_their_means_deviations_and_seeds() -> None:
    axes = drawn(study(), recorded(ARMS, SEEDS))["arms_table_2"].draw().axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["baseline", "arm", "baseline-he"]
    bars = [found for found in axes.containers if isinstance(found, ErrorbarContainer)]
    rings = [line for line in axes.lines if len(np.atleast_1d(line.get_xdata())) == len(SEEDS)]
    for place, name in enumerate(names):
        found = [number(name, seed, "finetune", EPOCHS_ASKED) for seed in SEEDS]
        mean, _, (spread,) = bars[place]
        assert list(mean.get_ydata()) == [place]
        np.testing.assert_allclose(np.array(mean.get_xdata(), float), np.mean(found))
        low, high = spread.get_segments()[0][:, 0]
        np.testing.assert_allclose((high - low) / 2, np.std(found, ddof=1))
        assert list(rings[place].get_xdata()) == found


def test_one_seed_has_neither_deviation_nor_ring() -> None:
    figure = drawn(study(), recorded(ARMS))["arms_table_2"].draw()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean", "chance"]


def test_random_ratios_are_points_of_their_patch_size() -> None:
    cells = [cell(patch_size=2 + 2 * (n % 2), mask_ratio=0.9 - n / 19) for n in range(8)]
    figure = drawn(study(), recorded([BASE, *cells]))["along_table_1"].draw()
    points = {
        str(line.get_color()): sorted(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in figure.axes[0].lines
    }
    assert points == {
        look(place).colour: sorted(
            (values["mask_ratio"], 1 - number(name, 0, "pretrain", EPOCHS_ASKED))
            for name, values in cells if values["patch_size"] == size
        )
        for place, size in enumerate((2, 4))
    }  # fmt: skip
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["patch 2x2", "patch 4x4"]
