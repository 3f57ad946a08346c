"""Style of every figure, and its bytes: sizes, type, and colours that everyone can distinguish."""

import io
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

COLUMN, PAGE = 3.5, 7.2
"""Widths in inches: one of two columns, and a whole page."""
DPI = 300
"""Of the PNG files."""


@dataclass(frozen=True)
class Drawing:
    """A figure that is yet to be drawn."""

    name: str
    """File name without its ending."""
    title: str
    """Its content in a sentence; the title in the files."""
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Look:
    """One line's looks; any one of the three tells it from the others."""

    colour: str
    marker: str
    dashes: Any


# Okabe & Ito (2008), "Color universal design", less yellow, which white paper swallows.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
# None is dotted: training losses and chance are.
DASHES: tuple[Any, ...] = (
    "-", (0, (5, 1.5)), (0, (6, 1.2, 1.2, 1.2)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 2)),
)  # fmt: skip
BASELINE = Look("black", "x", (0, (3, 1.2)))
GREY = "#767676"
_LETTERS = 46  # on a line that is a column wide, with room for a line's sample


def look(index: int) -> Look:
    """The looks of a figure's n-th line, from 0; they repeat after 90."""
    return Look(
        COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)]
    )


def percent() -> PercentFormatter:
    """Ticks of shares in [0, 1] as percentages."""
    return PercentFormatter(1, decimals=0)


def wrapped(words: str, inches: float = COLUMN) -> str:
    """Words on as many lines as a width needs; each axis of a cell's long name has its own."""
    letters = int(_LETTERS * inches / COLUMN)
    if all(len(word) <= letters for word in words.split()):
        return textwrap.fill(words, letters)
    # An axis that is longer than its line is broken where its value begins.
    parts = words.split(",")
    lines = (part if len(part) <= letters else part.replace("=", " = ") for part in parts)
    return "\n".join(textwrap.fill(line.strip(), letters) for line in lines)


def line_count(words: Iterable[str]) -> int:
    """Lines of the one that has most; 0 of none."""
    return max((word.count("\n") + 1 for word in words), default=0)


def legend(figure: Figure, handles: Mapping[str, Any], columns: int) -> None:
    """A legend below the axes, where it covers nothing, in at most so many columns as fit.

    The figure grows by the legend's height.
    """
    words = [wrapped(name) for name in handles]
    while True:
        drawn = figure.legend(
            list(handles.values()), words, loc="outside lower center", ncols=columns
        )
        box = drawn.get_window_extent()
        if columns == 1 or box.width <= figure.bbox.width:
            break
        drawn.remove()
        columns -= 1
    figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)


def styled() -> AbstractContextManager[None]:
    """Inside of it, figures are drawn in this project's style, whatever the user's own is."""
    return matplotlib.rc_context(_SETTINGS)


def files(drawing: Drawing) -> Iterator[tuple[str, bytes]]:
    """The figure as `NAME.svg` and `NAME.png`, the same bytes each time."""
    with styled():
        figure = drawing.draw()
        contents = {kind: _saved(figure, kind, drawing.title) for kind in ("svg", "png")}
    for kind, content in contents.items():
        yield f"{drawing.name}.{kind}", content


_SETTINGS: Any = {
    **{k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")},
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.6,
    "lines.markeredgewidth": 0.8,
    "figure.constrained_layout.use": True,
    "savefig.dpi": DPI,
    "svg.hashsalt": "maskgrid",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a name may hold a dollar
}


def _saved(figure: Figure, kind: str, title: str) -> bytes:
    # No date, and no version of the program: the same records give the same bytes.
    unsaid = {"svg": ("Date", "Creator"), "png": ("Software",)}[kind]
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata={"Title": title, **dict.fromkeys(unsaid)})
    return content.getvalue()
