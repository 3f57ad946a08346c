"""A table as a heat map, beside the paper's and that of a trivial fill."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from orchestrator.report.figures.series import BASE, axis_title, outside, rows
from orchestrator.report.figures.style import COLUMN, GREY, PAGE, Drawing, percent, wrapped
from orchestrator.report.tables.axes import ordered
from orchestrator.report.tables.fill import FilledTable, Value

Read = Callable[[Value], float | None]
KINDS: dict[str, Read] = {
    "this study": lambda value: value.mean,
    "inpainted (no learning)": lambda value: value.naive_fill_losses.get("gaussian_fill"),
    "the paper": lambda value: value.published,
}
"""Panels by title, and what each shows of a cell."""
_ACROSS = 12  # cells that have room for their numbers on a page's width


@dataclass(frozen=True)
class Scale:
    """From numbers to colours."""

    colours: Colormap
    low: float
    high: float

    def colour(self, number: float) -> tuple[float, float, float, float]:
        """RGBA of a number between low and high."""
        return self.colours(Normalize(self.low, self.high)(number))


@dataclass(frozen=True)
class Grid:
    """A table's cells by row and column."""

    filled: FilledTable
    rows: list[str]
    columns: list[str]
    cells: list[list[Value | None]]
    base: Value | None

    @property
    def values(self) -> list[Value]:
        """The cells there are, the baseline included."""
        inside = [value for row in self.cells for value in row if value]
        return inside + ([self.base] if self.base else [])

    def numbers(self, read: Read) -> npt.NDArray[np.float64]:
        """(rows, columns); NaN where there is no value."""
        numbers = [[read(value) if value else None for value in row] for row in self.cells]
        return np.array(numbers, np.float64).reshape(len(self.rows), len(self.columns))

    def show(self, number: float) -> str:
        """A number as the tables print it."""
        return self.filled.table.measure.show(number)


def grid_of(filled: FilledTable) -> Grid | None:
    """The table's grid; None unless most of its crossings are cells of the study."""
    inside = [value for value in filled.values if value.row is not None]
    columns = ordered(value.column for value in inside)
    groups = rows(filled)
    if len(groups) * len(columns) >= 2 * len(inside):
        return None
    cells = []
    for group in groups:
        at = {value.column: value for _, value in group.cells}
        cells.append([at.get(column) for column in columns])
    names = [filled.label(filled.table.columns, column) for column in columns]
    base = dict(outside(filled).cells).get(BASE)
    return Grid(filled, [group.short for group in groups], names, cells, base)


def heatmap(filled: FilledTable, unit: str) -> Iterator[Drawing]:
    """The table's grid in colours, all panels on one scale; for grids that are mostly filled.

    Args:
        unit: the metric's name with its unit.
    """
    grid = grid_of(filled)
    if not grid or np.isnan(grid.numbers(KINDS["this study"])).all():
        return
    kinds = [kind for kind, read in KINDS.items() if np.isfinite(grid.numbers(read)).any()]

    def draw() -> Figure:
        down, across = len(grid.rows) + bool(grid.base), max(4, len(grid.columns))
        stacked = len(kinds) if len(kinds) * across > _ACROSS else 1
        width = len(kinds) // stacked * (0.46 * across + 0.1) + 1.3
        height = stacked * (0.36 * down + 0.85)
        figure = Figure(figsize=(min(PAGE, max(COLUMN, width)), height))
        scale = _scale(grid, kinds)
        panels = figure.subplots(stacked, len(kinds) // stacked, sharey=True, squeeze=False)
        for panel, kind in zip(panels.flat, kinds, strict=True):
            _panel(panel, grid, KINDS[kind], scale)
            panel.set_title(kind, fontsize=7.5)
        for panel in panels[:, 0]:
            panel.set_ylabel(axis_title(filled.table.rows))
        _bar(figure, list(panels.flat), grid, scale, unit)
        return figure

    yield Drawing(f"heatmap_{filled.table.name}", f"{filled.table.title}, as a heat map", draw)


def _scale(grid: Grid, kinds: Sequence[str]) -> Scale:
    """Colours of all panels: the better a value, the brighter."""
    values = [KINDS[kind](value) for kind in kinds for value in grid.values]
    numbers = [number for number in values if number is not None]
    higher_is_better = grid.filled.table.measure.better == "higher"
    colours = colormaps["viridis" if higher_is_better else "viridis_r"]
    return Scale(colours, min(numbers), max(numbers))


def _panel(axes: Axes, grid: Grid, read: Read, scale: Scale) -> None:
    down, across = len(grid.rows), len(grid.columns)
    axes.pcolormesh(
        np.ma.masked_invalid(grid.numbers(read)), cmap=scale.colours, vmin=scale.low,
        vmax=scale.high, edgecolor="white", linewidth=1.5,
    )  # fmt: skip
    for row, values in enumerate(grid.cells):
        for column, value in enumerate(values):
            _write(axes, (column + 0.5, row + 0.5), grid, value, read, scale)
    heights, names = [row + 0.5 for row in range(down)], list(grid.rows)
    if grid.base:
        heights, names = [-0.65, *heights], [BASE, *names]
        if (number := read(grid.base)) is not None:
            place, colour = (0.03, -1.13), scale.colour(number)
            axes.add_patch(
                Rectangle(place, across - 0.06, 0.96, facecolor=colour, edgecolor="none")
            )
        _write(axes, (across / 2, -0.65), grid, grid.base, read, scale)
    axes.set_yticks(heights, [wrapped(name, COLUMN / 2) for name in names])
    axes.set_xticks([column + 0.5 for column in range(across)], grid.columns)
    axes.set(xlabel=axis_title(grid.filled.table.columns))
    axes.set(xlim=(0, across), ylim=(down, min(heights) - 0.5))
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _write(
    axes: Axes,
    place: tuple[float, float],
    grid: Grid,
    value: Value | None,
    read: Read,
    scale: Scale,
) -> None:
    """A cell's number, dark on bright and bright on dark; or why it is missing."""
    number = read(value) if value else None
    ours = read is KINDS["this study"]
    if value is None or number is None:
        words = (value.missing if value and ours else None) or "-"
        axes.text(*place, words, ha="center", va="center", color=GREY, fontsize=6)
        return
    words = grid.show(number)
    if ours and value.sd is not None:
        words += f"\n± {grid.show(value.sd)}"
    axes.text(
        *place, words, ha="center", va="center", linespacing=1.05, color=ink(scale.colour(number)),
        fontsize=6.5 * min(1.0, _ACROSS / len(grid.columns)),
    )  # fmt: skip


def ink(colour: Sequence[float]) -> str:
    """Black or white, whichever is the easier to read on a colour (WCAG 2, relative luminance)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]
    )
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def _bar(figure: Figure, panels: list[Axes], grid: Grid, scale: Scale, unit: str) -> None:
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.colours)
    bar = figure.colorbar(colours, ax=panels, pad=0.02, aspect=14)
    bar.set_label(unit)
    bar.ax.grid(False)
    bar.ax.spines[:].set_visible(False)
    if grid.filled.is_accuracy:
        bar.ax.yaxis.set_major_formatter(percent())
