"""The command line, run in this process."""

import sys
from pathlib import Path

import pytest

from orchestrator.cli import app


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["maskgrid", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return int(ended.value.code or 0)


def run_arguments(study: Path) -> list[str]:
    root = study.parent
    return [
        *("run", str(study), "--store", str(root / "store"), "--no-dashboard"),
        *("--results", str(root / "results"), "--cache", str(root / "cache")),
    ]
