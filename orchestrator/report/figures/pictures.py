"""Pictures: how masks of each size and share look, and what the networks make of them."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orchestrator.report.figures.heatmaps import grid_of
from orchestrator.report.figures.series import Curves, axis_title, outside, rows
from orchestrator.report.figures.style import COLUMN, GREY, PAGE, Drawing, line_count, wrapped
from orchestrator.report.tables.fill import FilledTable

Picture = npt.NDArray[np.uint8]
Sample = dict[str, Any]
"""A row of the samples, its pictures as (S, S, 3) uint8."""
_GAP = 0.12  # between pairs, as a share of a picture's width
_PAIRS = 3  # of masked and restored pictures, side by side on a page


class Pictures:
    """The recorded samples of a stage by cell."""

    def __init__(self, samples: pa.Table, curves: Curves, stage: str) -> None:
        self._curves, self._stage = curves, stage
        self._found: dict[str, list[Sample]] = {}
        for row in samples.to_pylist():
            self._found.setdefault(row["trial_key"], []).append(row)

    def of(self, cell: str) -> list[Sample]:
        """The samples of the cell's first seed that has any, pictures as (S, S, 3) uint8."""
        for key in self._curves.keys(cell, self._stage):
            if samples := self._found.get(key):
                return [_decoded(row) for row in samples]
        return []


def masking(filled: FilledTable, pictures: Pictures) -> Iterator[Drawing]:
    """One image under every mask of a grid, as in figure 2 of Terentiev & Ivanenko (2024).

    Made only where the grid's cells are masked differently.
    """
    grid = grid_of(filled)
    if not grid:
        return
    samples_of = [[pictures.of(value.cell) if value else [] for value in row] for row in grid.cells]
    if not (chosen := _brightest([samples for row in samples_of for samples in row])):
        return
    cells = [[_masked(samples, chosen["sample"]) for samples in row] for row in samples_of]
    if len({picture.tobytes() for row in cells for picture in row if picture is not None}) < 2:
        return

    def draw() -> Figure:
        down, across = len(grid.rows), len(grid.columns) + 1
        width = COLUMN if across <= 5 else PAGE
        figure = Figure(figsize=(width, (width - 0.4) / across * down + 0.4), layout="compressed")
        places = figure.subplots(down, across, squeeze=False)
        for place, name in zip(places[0], ["input", *grid.columns], strict=True):
            place.set_title(name, loc="center", fontsize=7.5)
        for line, name, row in zip(places, grid.rows, cells, strict=True):
            line[0].set_ylabel(name)
            for place, picture in zip(line, [chosen["original"], *row], strict=True):
                show(place, picture)
        figure.supxlabel(axis_title(filled.table.columns), fontsize=7.5)
        figure.supylabel(axis_title(filled.table.rows), fontsize=7.5)
        return figure

    yield Drawing("figure_2_masking", "A validation image under every mask of the grid", draw)


def reconstructions(filled: FilledTable, pictures: Pictures) -> Iterator[Drawing]:
    """Masked, restored and original images, a figure for each row of the table and its arms."""
    index = 0
    for group in (*rows(filled), outside(filled)):
        cells = [(name, samples) for name, v in group.cells if (samples := pictures.of(v.cell))]
        for first in range(0, len(cells), _PAIRS):
            index += 1
            some = cells[first : first + _PAIRS]
            name = f"reconstructions_{index}_{group.slug}"
            words = f"Validation images masked, restored and original: {group.name}"
            yield Drawing(name, words, partial(_restored, some, group.name))


def show(axes: Axes, picture: Picture | None) -> None:
    """A picture in a thin frame and without ticks; nothing where there is none yet."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(picture is not None)
    axes.spines[:].set(color=GREY, linewidth=0.4)
    if picture is not None:
        axes.imshow(picture, interpolation="none")


def _restored(cells: Sequence[tuple[str, list[Sample]]], title: str) -> Figure:
    samples = cells[0][1]
    columns = [column for name, pictures in cells for column in _columns(name, pictures)]
    columns.append(("original", [sample["original"] for sample in samples]))
    # A narrow column of nothing after each pair holds the pairs apart.
    widths = [_GAP if not pictures else 1.0 for _, pictures in columns]
    width = PAGE if len(cells) > 1 else COLUMN
    each = width / sum(widths)
    # A name that is wider than its picture has lines of its own above both pictures of its pair.
    names = {name: wrapped(name, 2 * each) for name, _ in cells if "\n" in wrapped(name, each)}
    height = each * len(samples) + 0.35 + 0.13 * line_count(names.values())
    figure = Figure(figsize=(width, height), layout="compressed")
    places = figure.subplots(len(samples), len(columns), width_ratios=widths, squeeze=False)
    for axes, (name, pictures) in zip(places.T, columns, strict=True):
        for place, picture in zip_longest(axes, pictures):
            show(place, picture)
        above, place = (names[name], "left") if name in names else ("", "center")
        axes[0].set_title(f"{above}\nmasked" if above else name, loc=place, fontsize=7.5)
    figure.suptitle(title, fontsize=8)
    return figure


def _columns(name: str, samples: list[Sample]) -> list[tuple[str, list[Picture]]]:
    masked, restored = ([sample[kind] for sample in samples] for kind in ("masked", "restored"))
    return [(name, masked), ("restored", restored), ("", [])]


def _brightest(cells: list[list[Sample]]) -> Sample | None:
    """The sample on which black squares show best."""
    samples = next(filter(None, cells), [])
    return max(samples, key=lambda sample: float(sample["original"].mean()), default=None)


def _masked(samples: list[Sample], number: int) -> Picture | None:
    return next((sample["masked"] for sample in samples if sample["sample"] == number), None)


def _decoded(row: Sample) -> Sample:
    shape = (row["side"], row["side"], 3)
    kinds = ("original", "masked", "restored")
    return row | {kind: np.frombuffer(row[kind], np.uint8).reshape(shape) for kind in kinds}
