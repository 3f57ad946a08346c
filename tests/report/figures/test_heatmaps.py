"""Heat maps: the tables' numbers, in colours on which they can be read."""

import itertools
from typing import Any

import numpy as np
import pytest
from figure_records import BASE, EPOCHS_ASKED, GRID, cell, drawn, number, recorded, study
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb

from orchestrator.report.figures.heatmaps import ink
from orchestrator.report.tables.published import TABLES

BOTH = [
    {"name": f"table_{n}", "title": "", "stage": stage, "metric": metric,
     "published": f"terentiev-2024/table-{n}"}
    for n, stage, metric in ((1, "pretrain", "val_loss"), (2, "finetune", "val_accuracy"))
]  # fmt: skip
LAST = {(size, ratio): f"patch_size={size},mask_ratio={ratio}" for size in (2, 4, 8) for ratio in (0.2, 0.4, 0.6)}  # fmt: skip


def panels(name: str, **change: Any) -> dict[str, Axes]:
    figure = drawn(study(tables=BOTH), recorded([BASE, *GRID], **change))[name].draw()
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def shown(axes: Axes) -> np.ma.MaskedArray[Any, Any]:
    (mesh,) = [found for found in axes.collections if isinstance(found, QuadMesh)]
    return np.ma.asarray(mesh.get_array()).reshape(3, -1)


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_loss_stands_beside_the_papers_and_what_needs_no_learning() -> None:
    found = panels("heatmap_table_1")
    assert [*found] == ["this study", "inpainted (no learning)", "the paper"]
    ours = [1 - number(name, 0, "pretrain", EPOCHS_ASKED) for name in LAST.values()]
    np.testing.assert_allclose(shown(found["this study"]).ravel(), ours)
    np.testing.assert_allclose(shown(found["inpainted (no learning)"]), 0.1)
    paper = TABLES["terentiev-2024/table-1"].cells
    np.testing.assert_allclose(shown(found["the paper"]).ravel(), [paper[at] for at in LAST])
    # In words as in the table, row by row.
    assert texts(found["this study"]) == [f"{value:.4f}" for value in ours]
    # One scale of colours for all.
    assert len({axes.collections[0].get_clim() for axes in found.values()}) == 1


def test_an_accuracy_has_its_baseline_above_the_grid() -> None:
    found = panels("heatmap_table_2")
    assert [*found] == ["this study", "the paper"]
    last = [number(name, 0, "finetune", EPOCHS_ASKED) for name in LAST.values()]
    base = number("baseline", 0, "finetune", EPOCHS_ASKED)
    assert sorted(texts(found["this study"])) == sorted(f"{value:.1%}" for value in [base, *last])
    assert "40.0%" in texts(found["the paper"])
    labels = [label.get_text() for label in found["this study"].get_yticklabels()]
    assert labels == ["baseline", "2x2", "4x4", "8x8"]
    (box,) = found["this study"].patches
    low, high = found["this study"].collections[0].get_clim()
    expected = colormaps["viridis"]((base - low) / (high - low))
    assert box.get_facecolor() == pytest.approx(expected)


def test_seeds_are_a_mean_and_a_deviation() -> None:
    axes = panels("heatmap_table_2", seeds=(0, 1, 2))["this study"]
    name = LAST[2, 0.2]
    found = [number(name, seed, "finetune", EPOCHS_ASKED) for seed in range(3)]
    assert f"{np.mean(found):.1%}\n± {np.std(found, ddof=1):.1%}" in texts(axes)


def test_a_gap_says_why() -> None:
    def ended(name: str, *_: object) -> tuple[str, int]:
        return ("failed", 1) if name == LAST[4, 0.6] else ("done", EPOCHS_ASKED)

    axes = panels("heatmap_table_1", ended=ended)["this study"]
    assert shown(axes).mask.tolist() == [[False] * 3, [False, False, True], [False] * 3]
    assert "failed" in texts(axes)


@pytest.mark.parametrize("axis", [(0.1, 0.9)])
def test_many_columns_are_stacked_rather_than_squeezed(axis: tuple[float, float]) -> None:
    cells = [
        cell(patch_size=2, mask_ratio=ratio) for ratio in np.linspace(*axis, 9).round(2).tolist()
    ]
    cells += [cell(patch_size=4, mask_ratio=0.1)]
    made = drawn(study(tables=BOTH), recorded([BASE, *cells]))["heatmap_table_1"].draw()
    made.draw_without_rendering()
    for panel in made.axes[:2]:
        boxes = sorted(
            (text.get_window_extent() for text in panel.texts), key=lambda box: (box.y0, box.x0)
        )
        # No number runs into the next.
        assert all(a.x1 < b.x0 or a.y1 < b.y0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize("colours", ["viridis", "viridis_r"])
def test_numbers_can_be_read_on_every_colour(colours: str) -> None:
    for share in np.linspace(0, 1, 101):
        colour = colormaps[colours](share)
        # WCAG 2 asks for a contrast of 4.5.
        assert contrast(colour[:3], to_rgb(ink(colour))) >= 4.5


def contrast(one: Any, other: Any) -> float:
    lights = [
        np.dot(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), (0.2126, 0.7152, 0.0722))
        for rgb in (np.array(one), np.array(other))
    ]  # fmt: skip
    return float((max(lights) + 0.05) / (min(lights) + 0.05))
