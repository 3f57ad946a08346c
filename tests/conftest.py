"""Settings that must precede all else, and one Ray cluster for all tests."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

from orchestrator.cluster.connection import configure, connected
from studies import TINY, StudyWriter, merged

# Before anything imports torch: on networks this small, threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before anything imports Ray, which reads its settings only then; the token is these tests' own.
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
configure("local")
# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("maskgrid", deadline=None)
hypothesis.settings.load_profile("maskgrid")


@pytest.fixture
def write_study(tmp_path: Path) -> StudyWriter:
    """Writes the tiny study, changed as asked, and returns its path."""

    def write(**change: Any) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(merged(TINY, change)))
        return path

    return write


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """A cluster of this test run's own, ended with it; yields its dashboard's address."""
    with connected("local", dashboard=True) as dashboard:
        assert dashboard is not None
        yield dashboard
