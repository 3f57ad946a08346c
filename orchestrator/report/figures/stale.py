"""Figures that lie in a results folder from an earlier report, distinguished from other files."""

import html
import io
import re
from collections.abc import Iterator

from PIL import Image

from orchestrator.store.store import Store

# What matplotlib writes into a file unless it is told not to, as `style` tells it.
_SIGNED = (b"<dc:date>", b"<dc:creator>")
_TITLE = re.compile(rb"<title>(.*?)</title>", re.DOTALL)


def stale_files(store: Store, drawn: set[str]) -> Iterator[str]:
    """Names of this project's figures in a folder that were not drawn this time.

    A figure is ours if it is there as SVG and as PNG with one title, and neither says by which
    program it was made: a name alone would not tell it from somebody's own.
    """
    names = store.names("")
    for name in names:
        stem, _, ending = name.rpartition(".")
        svg, png = f"{stem}.svg", f"{stem}.png"
        if ending == "svg" and png in names and not drawn & {svg, png}:
            title = _svg_title(store.read(svg) or b"")
            if title and title == _png_title(store.read(png) or b""):
                yield from (svg, png)


def _svg_title(content: bytes) -> str | None:
    title = _TITLE.search(content)
    if not title or any(mark in content for mark in _SIGNED):
        return None
    return html.unescape(title[1].decode(errors="replace"))


def _png_title(content: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            about = image.info
    except (OSError, ValueError, SyntaxError):
        return None
    return None if "Software" in about else about.get("Title")
