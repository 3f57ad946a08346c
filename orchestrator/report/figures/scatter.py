"""Cells that make no grid: arms as points with their seeds, random axes as points along them."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from orchestrator.report.figures.heatmaps import grid_of
from orchestrator.report.figures.series import BASE, axis_title, guess_lines, named, outside
from orchestrator.report.figures.style import (
    COLOURS,
    COLUMN,
    GREY,
    Drawing,
    legend,
    line_count,
    look,
    percent,
    wrapped,
)
from orchestrator.report.records.guessing import Guessing
from orchestrator.report.tables.axes import ordered
from orchestrator.report.tables.fill import FilledTable

_SERIES = 9  # lines that can still be told apart


def arms(filled: FilledTable, unit: str, guess: Guessing) -> Iterator[Drawing]:
    """Every cell outside the grid: each seed a ring, their mean a dot with one deviation."""
    cells = [(name, value) for name, value in outside(filled).cells if value.results]
    if not any(name != BASE for name, _ in cells):
        return

    def draw() -> Figure:
        names = [wrapped(name, COLUMN / 2) for name, _ in cells]
        each = max(0.22, 0.13 * line_count(names))
        figure = Figure(figsize=(COLUMN, each * len(cells) + 0.6))
        axes = figure.subplots()
        handles: dict[str, object] = {}
        for place, (_, value) in enumerate(cells):
            spread = value.sd
            handles["mean" if spread is None else "mean ± 1 SD"] = axes.errorbar(
                [value.mean or 0.0], [place], xerr=spread, fmt="D", color=COLOURS[0], capsize=2.5,
                markersize=3, elinewidth=1,
            )  # fmt: skip
            if spread is not None:
                (handles["one seed"],) = axes.plot(
                    value.results, [place] * len(value.results), "o", color=GREY, markersize=4.5,
                    fillstyle="none",
                )  # fmt: skip
        axes.set_yticks(range(len(cells)), names)
        axes.set(xlabel=unit, ylim=(len(cells) - 0.5, -0.5), xlim=(0, None))
        axes.margins(x=0.05)
        if filled.is_accuracy:
            axes.xaxis.set_major_formatter(percent())
        for name, share, style in guess_lines(guess) if filled.is_accuracy else ():
            handles[name] = axes.axvline(share, color=GREY, linestyle=style, linewidth=0.8)
        legend(figure, handles, columns=3)
        return figure

    yield Drawing(f"arms_{filled.table.name}", f"{filled.table.title}: arms and baseline", draw)


def along(filled: FilledTable, unit: str) -> Iterator[Drawing]:
    """Cells of random axes: the metric along the axis of more values, a series for each other's."""
    shown = [value for value in filled.values if value.row is not None and value.results]
    table = filled.table
    axes_of = {table.rows: [v.row for v in shown], table.columns: [v.column for v in shown]}
    series, steps = sorted(axes_of, key=lambda name: len(ordered(axes_of[name])))
    numbers = all(isinstance(value, int | float) for value in axes_of[steps])
    if not shown or grid_of(filled) or not numbers or len(ordered(axes_of[series])) > _SERIES:
        return

    def draw() -> Figure:
        figure = Figure(figsize=(COLUMN, 2.4))
        axes = figure.subplots()
        handles: dict[str, object] = {}
        for index, kind in enumerate(ordered(axes_of[series])):
            cells = zip(axes_of[series], axes_of[steps], shown, strict=True)
            points = sorted((step, v.mean or 0.0, v.sd or 0.0) for k, step, v in cells if k == kind)
            xs, means, sds = zip(*points, strict=True)
            looks = look(index)
            handles[named(filled, series, kind)] = axes.errorbar(
                xs, means, yerr=sds if any(sds) else None, color=looks.colour,
                marker=looks.marker, linestyle="none", elinewidth=1,
            )  # fmt: skip
        axes.set(xlabel=axis_title(steps), ylabel=unit)
        if filled.is_accuracy:
            axes.yaxis.set_major_formatter(percent())
        legend(figure, handles, columns=3)
        return figure

    yield Drawing(f"along_{table.name}", f"{table.title}, along {axis_title(steps)}", draw)
