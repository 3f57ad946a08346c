"""Colours, marks and dashes that everyone can tell apart, in print too."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from orchestrator.report.figures.style import (
    BASELINE,
    COLOURS,
    COLUMN,
    PAGE,
    line_count,
    look,
    wrapped,
)

# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
SEEN = {
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red cones": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip


def linear(colour: str) -> NDArray[np.float64]:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b*, D65, of linear RGB."""
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ rgb
    x, y, z = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", SEEN)
def test_colours_differ_for_all_eyes(eyes: str) -> None:
    found = [
        lab(np.clip(SEEN[eyes] @ linear(colour), 0, 1)) for colour in (*COLOURS, "black", "white")
    ]
    # The three of the paper's figures, and black, far; 2.3 is the least that is seen at all.
    for first, second in itertools.combinations([*found[:3], *found[-2:]], 2):
        assert np.linalg.norm(first - second) > 15
    for first, second in itertools.combinations(found, 2):
        assert np.linalg.norm(first - second) > 5


def test_without_colour_marks_and_dashes_tell_lines_apart() -> None:
    looks = [BASELINE, *map(look, range(9))]
    assert len({each.marker for each in looks}) == 10
    assert len({repr(each.dashes) for each in looks[1:6]}) == 5
    # Even where there are more lines than colours, no two look the same.
    many = [look(index) for index in range(90)]
    assert len({repr(each) for each in many}) == 90


def test_the_papers_three_lines_differ_in_grey_too() -> None:
    light = sorted(lab(linear(colour))[0] for colour in ("black", *COLOURS[:3], "white"))
    assert min(np.diff(light)) > 10


CELL = "model.init=pytorch,mask_ratio=0.361872,finetune.optim.lr=0.00109894"


def test_a_short_name_stays_as_it_is() -> None:
    assert wrapped("20 %") == "20 %"
    assert wrapped("patch 2x2, ratio 20 %") == "patch 2x2, ratio 20 %"


@pytest.mark.parametrize("inches", [0.9, COLUMN / 2, COLUMN, PAGE])
def test_a_long_cells_name_has_a_line_for_each_axis_and_is_never_cut(inches: float) -> None:
    lines = wrapped(CELL, inches).split("\n")
    assert max(map(len, lines)) <= 46 * inches / COLUMN or len(lines) == 1
    assert "".join(lines).replace(" ", "").replace(",", "") == CELL.replace(",", "")
    if inches == COLUMN / 2:
        assert lines[:2] == ["model.init=pytorch", "mask_ratio=0.361872"]
        assert lines[2:] == ["finetune.optim.lr =", "0.00109894"]


def test_rows_are_as_high_as_the_longest_name_needs() -> None:
    assert line_count([]) == 0
    assert line_count(["a", "b\nc\nd", "e\nf"]) == 3
