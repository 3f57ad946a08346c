"""`--cluster-report FILE` keeps what the scenarios ran and what that printed."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import ray
import torch
from machine import PYTHON, ROOT
from transcript import NewTranscript, Transcript

from orchestrator.store.provenance import code_provenance

_pages = pytest.StashKey[list[Transcript]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cluster-report", type=Path, default=None, help="file for the transcripts")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_pages] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Clusters take minutes to come and go."""
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose name is short: Ray puts sockets into it."""
    made = Path(tempfile.mkdtemp(prefix="mg", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def transcript(request: pytest.FixtureRequest, folder: Path) -> NewTranscript:
    """Makes a transcript that the report will hold."""

    def new(title: str, environment: Mapping[str, str], at: Path = ROOT) -> Transcript:
        hidden = {str(folder): "TMP", str(PYTHON.parent): ".venv/bin", str(ROOT): "."}
        made = Transcript(title, environment, at, hidden)
        request.config.stash[_pages].append(made)
        return made

    return new


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    target: Path | None = config.getoption("--cluster-report", None)
    if target is None:
        return
    counts = {name: len(terminalreporter.stats.get(name, [])) for name in ("passed", "failed", "skipped")}  # fmt: skip
    skipped = [f"- skipped: {report.longrepr[2]}" for report in terminalreporter.stats.get("skipped", [])]  # fmt: skip
    head = [
        "# What `make cluster-test` ran",
        "",
        f"maskgrid at {str(code_provenance()['commit'])[:10]}, Ray {ray.__version__}, torch {torch.__version__}, Python {platform.python_version()}, "
        f"{os.cpu_count()} CPU cores, no GPU; every node of these clusters was this one machine.",
        "Each block shows the end of what a command printed, without Ray's own log lines.",
        "",
        ", ".join(f"{count} {name}" for name, count in counts.items()),
        *skipped,
    ]
    pages = [made.page() for made in config.stash[_pages]]
    target.write_text("\n".join(head) + "\n\n" + "\n".join(pages))
