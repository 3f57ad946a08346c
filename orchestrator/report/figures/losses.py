"""Losses and learning rates by epoch: how the training itself went."""

from collections.abc import Iterable, Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orchestrator.report.figures.accuracy import (
    HOLLOW,
    by_epoch,
    handles_of,
    hollow,
    looks_of,
    panels,
    plot,
    whole,
)
from orchestrator.report.figures.series import Curves, Group, Line, stage_title
from orchestrator.report.figures.style import (
    COLUMN,
    GREY,
    PAGE,
    Drawing,
    Look,
    legend,
    look,
    wrapped,
)
from orchestrator.report.tables.fill import FilledTable
from orchestrator.study.tables import Table

_ACROSS = 3  # panels side by side on a page


def losses(filled: FilledTable, curves: Curves, unit: str) -> Iterator[Drawing]:
    """Validation and training loss of one stage, a panel for each row of the table.

    Args:
        filled: a table of the validation loss.
        unit: what a loss is, such as `Loss (cross-entropy, nats)`.
    """
    groups = panels(filled, curves)
    if not groups:
        return
    stage, looks = filled.table.stage, looks_of(filled)

    def draw() -> Figure:
        across = min(_ACROSS, len(groups))
        down = -(-len(groups) // across)
        width = COLUMN if across == 1 else PAGE
        figure = Figure(figsize=(width, 2.1 * down + 0.1))
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for axes, group in zip(grid.flat, groups, strict=False):
            _panel(axes, group, curves, stage, looks)
            axes.tick_params(labelbottom=True)  # the panel below it may be missing
        for axes in grid.flat[len(groups) :]:
            axes.remove()
        for axes in grid[:, 0]:
            axes.set_ylabel(unit)
        legend(figure, _handles(groups, filled, curves, looks), columns=2 if across == 1 else 3)
        grid[0, 0].set_ylim(*_limits(groups, curves, filled.table))
        return figure

    title = f"Validation and training loss of the {stage_title(stage)}"
    yield Drawing(f"loss_{stage}", title, draw)


def learning_rates(
    curves: Curves, cells: list[str], all_stages: Iterable[str]
) -> Iterator[Drawing]:
    """The learning rate of each epoch's last step, a panel for each stage."""
    rates = {stage: _rates(curves, cells, stage) for stage in all_stages}
    stages = [stage for stage, lines in rates.items() if lines]
    if not stages:
        return

    def draw() -> Figure:
        figure = Figure(figsize=(COLUMN if len(stages) < 3 else PAGE, 1.9))
        grid = figure.subplots(1, len(stages), squeeze=False)
        handles: dict[str, Line2D] = {}
        for axes, stage in zip(grid.flat, stages, strict=True):
            axes.set_title(stage_title(stage))
            for line, names in rates[stage]:
                others = f" and {len(names) - 1} more" if len(names) > 1 else ""
                looks = look(len(handles))
                handles[f"{stage_title(stage)}: {names[0]}{others}"] = plot(axes, line, looks)
            axes.set(xlabel="Epoch", ylim=(0, None))
            axes.xaxis.set_major_locator(whole())
            axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        grid[0, 0].set_ylabel("Learning rate")
        if len(handles) > len(stages):
            legend(figure, handles, columns=2)
        return figure

    yield Drawing("learning_rate", "Learning rate of each epoch's last step", draw)


def _rates(curves: Curves, cells: list[str], stage: str) -> list[tuple[Line, list[str]]]:
    """The learning rates that differ, each with the cells that had it."""
    rates: list[tuple[Line, list[str]]] = []
    lines = {cell: curves.line(cell, stage, "learning_rate") for cell in cells}
    longest = sorted(cells, key=lambda cell: -len(line.epochs) if (line := lines[cell]) else 0)
    for cell in longest:
        if not (line := lines[cell]):
            continue
        for other, names in rates:
            # The rates of a trial that is still running are the beginning of its fellows'.
            if line.mean.tolist() == other.mean[: len(line.mean)].tolist():
                names.append(cell)
                break
        else:
            rates.append((line, [cell]))
    return rates


def _panel(axes: Axes, group: Group, curves: Curves, stage: str, looks: dict[str, Look]) -> None:
    by_epoch(axes, group, curves, stage, "val_loss", looks)
    axes.set_title(wrapped(group.name, PAGE / _ACROSS))
    for name, value in group.cells:
        if line := curves.line(value.cell, stage, "train_loss"):
            colour = looks[name].colour
            axes.plot(line.epochs, line.mean, color=colour, linestyle=":", linewidth=0.8)
        if inpainted := value.naive_fill_losses.get("gaussian_fill"):
            hollow(axes, inpainted, looks[name].colour, "<")


def _limits(groups: list[Group], curves: Curves, table: Table) -> tuple[float, float]:
    """Bottom and top of all panels; only the training loss of fresh weights may pass the top."""
    shown: list[float] = []
    for value in (value for group in groups for _, value in group.cells):
        for metric, first in (("val_loss", 0), ("train_loss", 1)):
            if line := curves.line(value.cell, table.stage, metric):
                shown += line.mean[first:].tolist()
    return 0.0 if table.task == "restore" else 0.9 * min(shown), 1.05 * max(shown)


def _handles(
    groups: list[Group], filled: FilledTable, curves: Curves, looks: dict[str, Look]
) -> dict[str, Line2D]:
    handles = handles_of(groups, curves, filled.table.stage, "val_loss", looks)
    handles["dotted: training"] = Line2D([], [], color=GREY, linestyle=":", linewidth=0.8)
    if any(value.naive_fill_losses for value in filled.values):
        mark = Line2D([], [], color=GREY, marker="<", **HOLLOW)
        handles["right edge: inpainting (no learning)"] = mark
    return handles
