"""The report page in a real browser: silent, self-contained, and fit for small and dark screens."""

import io
from pathlib import Path

import browser
import numpy as np
import pytest
from browser import Visit, visit
from page_studies import SVG, hostile_page, made, study
from PIL import Image

from orchestrator.report.page.page import page

pytestmark = pytest.mark.skipif(
    browser.CHROMIUM is None, reason=f"needs a browser on the PATH: {', '.join(browser.NAMES)}"
)


def look(folder: Path, content: bytes, *, width: int = 1400, dark: bool = False) -> Visit:
    """The page as a file of its own, opened in a browser of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / "page.html"
    path.write_bytes(content)
    return visit(path, folder / "browser", width, 2000, *(["--force-dark-mode"] if dark else []))


def ordinary() -> bytes:
    return page(study(description="Some study."), made(3), [], [], {"one.svg": SVG})


def without_policy(content: bytes, script: str) -> bytes:
    """The page with a script of ours, which its own policy would not let run."""
    head, found, tail = content.partition(b'<meta http-equiv="Content-Security-Policy"')
    assert found
    return head + tail.partition(b">")[2] + f"<script>{script}</script>".encode()


@pytest.mark.parametrize("content", [ordinary(), hostile_page()], ids=["ordinary", "hostile"])
def test_it_writes_nothing_to_the_console_and_asks_for_nothing(
    content: bytes, tmp_path: Path
) -> None:
    found = look(tmp_path, content)
    assert (found.console, found.requests) == ((), ())


def test_the_checks_see_what_they_look_for(tmp_path: Path) -> None:
    asking = b"""<!DOCTYPE html><title>x</title>
        <link rel="preconnect" href="http://127.0.0.1:2"><img src="http://127.0.0.1:1/x">
        <script>console.error("boom")</script>"""
    found = look(tmp_path, asking)
    assert '"boom"' in found.console[0]
    assert {"http://127.0.0.1:1/x", "http://127.0.0.1:2"} <= set(found.requests)


def test_its_policy_holds_whatever_gets_into_it(tmp_path: Path) -> None:
    more = b'<img src="http://127.0.0.1:1/x"><script>console.error("boom")</script></main>'
    found = look(tmp_path, ordinary().replace(b"</main>", more))
    # Neither was run or asked for, and the browser says by whose order.
    assert found.requests == ()
    assert len(found.console) == 2
    assert all("Content Security Policy" in line for line in found.console)


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_but_the_boxes_scrolls_sideways(width: int, tmp_path: Path) -> None:
    script = "console.log(innerWidth + ' ' + document.documentElement.scrollWidth)"
    (tmp_path / "framed.html").write_bytes(without_policy(ordinary(), script))
    # A browser's window has a least width; a frame has none.
    found = look(tmp_path, f'<iframe src="framed.html" width="{width}" height="900">'.encode())
    assert f'"{width} {width}"' in found.console[0]


def test_figures_are_seen_and_the_night_is_dark(tmp_path: Path) -> None:
    day = pixels(look(tmp_path / "day", ordinary()).screenshot)
    night = pixels(look(tmp_path / "night", ordinary(), dark=True).screenshot)
    for shot in (day, night):
        assert shot.shape == (2000, 1400, 3)
        # The test's figure is one rectangle of 200 x 100 pixels in its own colour.
        assert abs((shot == (0x00, 0x72, 0xB2)).all(axis=2).sum() - 20_000) < 200
    assert np.median(day) > 240
    assert np.median(night) < 40


def pixels(screenshot: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB"))
