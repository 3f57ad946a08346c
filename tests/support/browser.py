"""A real headless browser: what a page writes to its console, asks of the network and looks like."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
"""The first such browser on the PATH, or None."""

FLAGS = (
    "--headless", "--disable-gpu", "--hide-scrollbars", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # The browser's own services look for their makers all the same: they find nobody.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr", "--v=0",
)  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """What one look at a page left behind."""

    console: tuple[str, ...]
    """Every line, whatever its level; what a policy refuses is written there too."""
    requests: tuple[str, ...]
    """Addresses that the page asked for or prepared to ask; its own file is none."""
    screenshot: bytes
    """PNG of the window."""


def visit(page: Path, folder: Path, width: int = 1400, height: int = 1000, *more: str) -> Visit:
    """Open a file in a fresh browser that keeps its things in `folder`, and look at it."""
    assert CHROMIUM is not None
    folder.mkdir(parents=True, exist_ok=True)
    shot, log = folder / "screenshot.png", folder / "net.json"
    # Chromium refuses its sandbox to root, as whom containers run their tests.
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    done = subprocess.run(
        [
            CHROMIUM, *FLAGS, *root, f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},{height}", f"--screenshot={shot}", f"--log-net-log={log}",
            *more, page.resolve().as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    console = re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr)
    return Visit(tuple(console), tuple(_asked(json.loads(log.read_text()))), shot.read_bytes())


def _asked(log: dict[str, Any]) -> list[str]:
    """Addresses in a net log that a file asked for; the browser's own requests come from none."""
    found = []
    for event in log["events"]:
        told = event.get("params", {})
        origin = told.get("network_isolation_key") or told.get("network_anonymization_key") or ""
        address = told.get("url") or told.get("host")
        if "file://" in origin and address:
            found.append(address)
    return list(dict.fromkeys(found))
