"""Metrics by epoch: accuracy a figure for each row of a table, losses, learning rates."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from orchestrator.report.figures.series import (
    BASE,
    Curves,
    Group,
    Line,
    columns,
    guess_lines,
    outside,
    rows,
)
from orchestrator.report.figures.style import (
    BASELINE,
    COLUMN,
    GREY,
    Drawing,
    Look,
    legend,
    look,
    percent,
    wrapped,
)
from orchestrator.report.records.guessing import Guessing
from orchestrator.report.tables.fill import FilledTable

HOLLOW: dict[str, Any] = {"markerfacecolor": "white", "linestyle": "none", "clip_on": False}


def accuracy(
    filled: FilledTable, curves: Curves, guess: Guessing, prefix: str = ""
) -> Iterator[Drawing]:
    """A figure for each row of an accuracy table, and one for its arms; the baseline in all.

    Rows of patch sizes are numbered as in Terentiev & Ivanenko (2024): figures 3 to 5.

    Args:
        guess: accuracies of guessing, where they are known.
        prefix: of the file names.
    """
    table = filled.table
    top = _highest(filled, curves)
    looks = looks_of(filled)
    for index, group in enumerate(panels(filled, curves)):
        paper = table.rows == "patch_size" and group.name not in ("arms", BASE)
        number = f"figure_{index + 3}" if paper else f"accuracy_{index + 1}"

        def draw(group: Group = group) -> Figure:
            figure = Figure(figsize=(COLUMN, 2.4))
            axes = figure.subplots()
            by_epoch(axes, group, curves, table.stage, table.metric, looks)
            axes.set(ylabel="Validation accuracy", ylim=(0, top))
            axes.set_title(wrapped(group.name))
            axes.yaxis.set_major_formatter(percent())
            handles = handles_of([group], curves, table.stage, table.metric, looks)
            for name, share, style in guess_lines(guess):
                handles[name] = axes.axhline(share, color=GREY, linewidth=0.8, linestyle=style)
            handles |= _published(axes, group, looks)
            legend(figure, handles, columns=2)
            return figure

        words = f"Validation accuracy by epoch: {group.name}, with the baseline"
        yield Drawing(f"{prefix}{number}_{group.slug}", words, draw)


def by_epoch(
    axes: Axes, group: Group, curves: Curves, stage: str, metric: str, looks: Mapping[str, Look]
) -> None:
    """One line for each cell of a group; over several seeds their mean and one deviation."""
    for name, value in group.cells:
        if line := curves.line(value.cell, stage, metric):
            plot(axes, line, looks[name])
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(whole())


def whole() -> MaxNLocator:
    """Ticks at whole epochs."""
    return MaxNLocator(nbins=7, integer=True, steps=[1, 2, 4, 5, 10])


def plot(axes: Axes, line: Line, looks: Look) -> Line2D:
    """A line of means with at most nine marks, and a band where there are several seeds."""
    (drawn,) = axes.plot(
        line.epochs, line.mean, color=looks.colour, linestyle=looks.dashes, marker=looks.marker,
        markevery=max(1, len(line.epochs) // 8),
    )  # fmt: skip
    if not np.isnan(line.sd).all():
        low, high = line.mean - line.sd, line.mean + line.sd
        axes.fill_between(line.epochs, low, high, color=looks.colour, alpha=0.18, linewidth=0)
    return drawn


def panels(filled: FilledTable, curves: Curves) -> list[Group]:
    """The groups of a table that have recorded something, the baseline first in each."""
    out = outside(filled).cells
    base = tuple(cell for cell in out if cell[0] == BASE)
    arms = Group("arms", tuple(cell for cell in out if cell[0] != BASE), "arms")
    alone = Group(BASE, base, BASE)
    stage, metric = filled.table.stage, filled.table.metric
    groups = [replace(group, cells=base + group.cells) for group in (*rows(filled), arms)]
    wanted = groups if any(len(group.cells) > len(base) for group in groups) else [alone]
    return [
        group
        for group in wanted
        if any(
            curves.line(value.cell, stage, metric)
            for name, value in group.cells
            if name != BASE or group is alone
        )
    ]


def looks_of(filled: FilledTable) -> dict[str, Look]:
    """Looks of each name, the same in all figures of a table."""
    looks = {BASE: BASELINE}
    arms = [name for name, _ in outside(filled).cells if name != BASE]
    for names in (columns(filled), arms):
        looks |= {name: look(index) for index, name in enumerate(names) if name not in looks}
    return looks


def handles_of(
    groups: Iterable[Group], curves: Curves, stage: str, metric: str, looks: Mapping[str, Look]
) -> dict[str, Line2D]:
    """Legend entries of the lines drawn, with what must be known to read them."""
    drawn: dict[str, list[Line]] = {}
    for name, value in (cell for group in groups for cell in group.cells):
        if line := curves.line(value.cell, stage, metric):
            drawn.setdefault(name, []).append(line)
    counts = {name: _seeds(lines) for name, lines in drawn.items()}
    handles = {}
    for name, lines in drawn.items():
        notes = [counts[name]] if len(set(counts.values())) > 1 else []
        notes += [] if all(line.done for line in lines) else ["unfinished"]
        words = f"{name} ({', '.join(notes)})" if notes else name
        handles[words] = _handle(looks[name])
    if any(line.seeds[1] > 1 for lines in drawn.values() for line in lines):
        same = f" ({counts.popitem()[1]})" if len(set(counts.values())) == 1 else ""
        band = Line2D([], [], color=GREY, alpha=0.3, linewidth=5)
        handles[f"band: ± 1 SD of seeds{same}"] = band
    return handles


def hollow(axes: Axes, height: float, colour: str, marker: str) -> Line2D:
    """A mark at the right edge, at a height in data, for a value that has no epochs."""
    (mark,) = axes.plot(
        [1.03], [height], marker, transform=axes.get_yaxis_transform(), color=colour, **HOLLOW
    )
    return mark


def _seeds(lines: list[Line]) -> str:
    least, most = min(line.seeds[0] for line in lines), max(line.seeds[1] for line in lines)
    return f"n={most}" if least == most else f"n={least} to {most}"


def _handle(looks: Look) -> Line2D:
    return Line2D([], [], color=looks.colour, linestyle=looks.dashes, marker=looks.marker)


def _published(axes: Axes, group: Group, looks: Mapping[str, Look]) -> dict[str, Line2D]:
    published_cells = [(name, value.published) for name, value in group.cells if value.published]
    for name, published in published_cells:
        hollow(axes, published, looks[name].colour, looks[name].marker)
    mark = Line2D([], [], color=GREY, marker="o", **HOLLOW)
    return {"right edge: the paper, last epoch": mark} if published_cells else {}


def _highest(filled: FilledTable, curves: Curves) -> float:
    """Top of the accuracy axis of all of a table's figures, so that they compare."""
    heights = [0.0, *(value.published or 0.0 for value in filled.values)]
    for value in filled.values:
        if line := curves.line(value.cell, filled.table.stage, filled.table.metric):
            heights.append(float(np.max(line.mean + np.nan_to_num(line.sd))))
    return min(1.02, 1.08 * max(heights)) or 1.0
