"""Filled tables as text: in the terminal and as Markdown, arranged as in the paper."""

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.ledger import YARDSTICKS
from orchestrator.report.tables import AXES, Filled, Value, label
from orchestrator.study import Scalar, Table

Grid = tuple[list[str], list[list[str]]]
"""A table as text: header and rows."""


def sections(filled: Filled) -> list[tuple[str, Grid]]:
    """The table and, below a reconstruction loss, what the same masks cost with nothing learned."""
    found = [(filled.table.title, grid(filled))]
    for name, words in _YARDSTICKS.items():
        if any(value.yardsticks for value in filled.values):
            found.append((f"Nothing learned, same images and masks: {words}", _plain(filled, name)))
    return found


def _plain(filled: Filled, name: str) -> Grid:
    def show(table: Table, value: Value) -> str:
        return f"{value.yardsticks[name]:.4f}" if name in value.yardsticks else ""

    return grid(filled, show)


def grid(filled: Filled, show: Callable[[Table, Value], str] | None = None) -> Grid:
    """The table as text, cells outside the grid first as in the paper; `show` fills a cell."""
    table, show = filled.table, show or text
    inside = [value for value in filled.values if value.row is not None]
    columns = _ordered(value.column for value in inside)
    header = [AXES.get(table.rows, table.rows), *(label(table.columns, c) for c in columns)]
    if not columns:  # a study of arms alone
        header = ["cell", table.metric]
    body = [
        [value.cell, show(table, value), *[""] * (len(header) - 2)]
        for value in filled.values
        if value.row is None
    ]
    at = {(value.row, value.variant, value.column): value for value in inside}
    for row in _ordered(value.row for value in inside):
        for variant in dict.fromkeys(value.variant for value in inside if value.row == row):
            found = [at.get((row, variant, column)) for column in columns]
            name = ", ".join(filter(None, (label(table.rows, row), variant)))
            body.append([name, *(show(table, v) if v else "" for v in found)])
    return header, body


def to_markdown(filled: Filled) -> str:
    """The table as Markdown, titles above."""
    parts = []
    for title, (header, body) in sections(filled):
        lines = [header, ["---"] * len(header), *body]
        rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"**{title}**\n\n{rows}\n")
    return "\n".join(parts)


def text(table: Table, value: Value) -> str:
    """One cell: the mean, its deviation over seeds, the published value; or why it is missing."""
    show = _format(table.metric)
    if value.mean is None:
        return value.missing or "missing"
    ours = show(value.mean)
    if value.sd is not None:
        ours += f" ± {show(value.sd)} (n={len(value.results)})"
    if value.missing:
        ours += f" [{value.missing}]"
    return ours if value.published is None else f"{ours} (paper {show(value.published)})"


_YARDSTICKS = dict(zip(YARDSTICKS, ("black", "mean colour", "Gaussian inpainting"), strict=True))


def _format(metric: str) -> Callable[[float], str]:
    return "{:.1%}".format if metric.endswith("accuracy") else "{:.4f}".format


def _ordered(values: Iterable[Scalar | None]) -> list[Any]:
    unique = [value for value in dict.fromkeys(values) if value is not None]
    numbers = all(isinstance(value, int | float) for value in unique)
    return sorted(unique, key=float) if numbers else unique
