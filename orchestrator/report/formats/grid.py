"""Filled tables as text grids, arranged as in the paper, 80 columns wide at three mask ratios."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.report.tables.axes import axis_name, ordered
from orchestrator.report.tables.comparisons import (
    Comparison,
    against_row_above,
    against_scratch,
    beside_paper,
    outstanding,
)
from orchestrator.report.tables.fill import FilledTable, Value
from orchestrator.report.tables.statistics import Difference, bootstrap
from orchestrator.store.naive_fills import NAIVE_FILLS

Grid = tuple[list[str], list[list[str]]]
"""A table as text: header and rows."""
Show = Callable[[Value], str]
"""A cell as text."""


@dataclass(frozen=True)
class Section:
    """One grid under a title."""

    title: str
    header: list[str]
    body: list[list[str]]
    best: tuple[int, int] | None = None
    """Row and column in the body of the cell that seeds tell from all others, if there is one."""

    def rows(self, strong: str) -> list[list[str]]:
        """The body with its best cell set apart.

        Args:
            strong: how, such as `**{}**`.
        """
        if self.best is None:
            return self.body
        rows = [[*row] for row in self.body]
        row, column = self.best
        rows[row][column] = strong.format(rows[row][column])
        return rows


def sections(filled: FilledTable) -> list[Section]:
    """The table by its title, and below it what else is known about the same cells."""
    header, body = grid(filled, lambda value: text(filled, value))
    table = Section(filled.table.title, header, body, _place_of_best(filled))
    others = [
        Section(title, *_without_empty(filled, show)) for title, show in _beside(filled).items()
    ]
    return [
        section for section in (table, *others, _fills(filled)) if section is table or section.body
    ]


def _beside(filled: FilledTable) -> dict[str, Show]:
    """Grids of the same cells, by title."""
    scratch, above = references(filled)
    points = ", points" if filled.is_accuracy else ""
    return {
        "95 % interval of the mean (bootstrap over seeds)": _interval(filled),
        "The paper's values": _published(filled),
        f"Ours minus the paper's{points}": _minus_paper(filled),
        f"Minus the same network without pretraining{points}": _minus(filled, scratch),
        "Minus the row above": _minus(filled, above),
    }


def _fills(filled: FilledTable) -> Section:
    """The same losses of fills that learn nothing."""
    grids = [_fill_losses(filled, name, words) for name, words in _FILLS.items()]
    body = [row for _, rows in grids for row in rows]
    hidden = ", hidden pixels" if filled.region == "masked" else ""
    title = f"Trivial fills (no learning), same images and masks{hidden}"
    return Section(title, grids[0][0], body)


def _place_of_best(filled: FilledTable) -> tuple[int, int] | None:
    best = outstanding(filled)
    _, body = grid(filled, lambda value: "best" if value.cell == best else "")
    places = ((r, c) for r, row in enumerate(body) for c in range(1, len(row)) if row[c])
    return next(places, None)


def grid(filled: FilledTable, show: Show) -> Grid:
    """The table as text, cells outside the grid first as in the paper; `show` fills a cell."""
    table = filled.table
    inside = [value for value in filled.values if value.row is not None]
    columns = ordered(value.column for value in inside)
    header = [axis_name(table.rows), *(filled.label(table.columns, c) for c in columns)]
    if not columns:  # a study of arms alone
        header = ["cell", table.metric]
    body = [
        [value.cell, show(value), *[""] * (len(header) - 2)]
        for value in filled.values
        if value.row is None
    ]
    at = {(value.row, value.variant, value.column): value for value in inside}
    for row in ordered(value.row for value in inside):
        for variant in dict.fromkeys(value.variant for value in inside if value.row == row):
            cells = [at.get((row, variant, column)) for column in columns]
            name = ", ".join(filter(None, (filled.label(table.rows, row), variant)))
            body.append([name, *(show(v) if v else "" for v in cells)])
    return header, body


def name_of(filled: FilledTable, value: Value) -> str:
    """A cell as the table's labels call it: `4x4 at 20 %`."""
    if value.row is None or value.column is None:
        return value.cell
    row = filled.label(filled.table.rows, value.row)
    column = filled.label(filled.table.columns, value.column)
    return ", ".join(filter(None, (f"{row} at {column}", value.variant)))


def text(filled: FilledTable, value: Value) -> str:
    """One cell: the mean and its deviation over seeds; or why it is missing, in part or whole."""
    if value.mean is None:
        return value.missing or "missing"
    ours = show_value(filled, value.mean)
    if value.sd is not None:
        ours += f" ± {show_value(filled, value.sd)}"
    if value.missing:
        ours += f" (n={len(value.results)}: {value.missing})"
    return ours


def show_value(filled: FilledTable, value: float) -> str:
    """A value of the metric: `44.7%`, or a loss to four digits."""
    return filled.table.measure.show(value)


def show_difference(filled: FilledTable, difference: Difference) -> str:
    """A difference with half of its interval: `+4.7 ± 1.4` points, or of losses."""
    scale, digits = (100, 1) if filled.is_accuracy else (1, 4)
    half = "" if difference.half is None else f" ± {scale * difference.half:.{digits}f}"
    return f"{round(scale * difference.mean, digits) + 0.0:+.{digits}f}{half}"  # never -0.0


def _interval(filled: FilledTable) -> Show:
    def show(value: Value) -> str:
        ends = bootstrap(value.results)
        return " to ".join(show_value(filled, end) for end in ends) if ends else ""

    return show


def _published(filled: FilledTable) -> Show:
    def show(value: Value) -> str:
        return "" if value.published is None else show_value(filled, value.published)

    return show


def _minus_paper(filled: FilledTable) -> Show:
    def show(value: Value) -> str:
        difference = beside_paper(filled, value)
        return show_difference(filled, difference) if difference else ""

    return show


def references(filled: FilledTable) -> tuple[list[Comparison], list[Comparison]]:
    """Comparisons that are shown: with no pretraining, and of losses over seeds by patch size."""
    if filled.table.task == "classify":
        return against_scratch(filled), []
    above = against_row_above(filled)
    return [], above if any(each.difference.n > 1 for each in above) else []


def _minus(filled: FilledTable, comparisons: list[Comparison]) -> Show:
    by_cell = {each.cell: each for each in comparisons}

    def show(value: Value) -> str:
        if (each := by_cell.get(value.cell)) is None:
            return ""
        return show_difference(filled, each.difference) + (" *" if each.holds else "")

    return show


def _fill_losses(filled: FilledTable, name: str, words: str) -> Grid:
    def show(value: Value) -> str:
        return f"{value.naive_fill_losses[name]:.4f}" if name in value.naive_fill_losses else ""

    header, body = _without_empty(filled, show)
    return header, [[f"{words}, {row[0]}", *row[1:]] for row in body]


def _without_empty(filled: FilledTable, show: Show) -> Grid:
    header, body = grid(filled, show)
    return header, [row for row in body if any(row[1:])]


_FILLS = dict(zip(NAIVE_FILLS, ("black", "mean colour", "Gaussian inpainting"), strict=True))
