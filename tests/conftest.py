"""Tiny studies that take the same road as the real ones, and one Ray cluster for all tests."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.cluster import configure, connected

# Before anything imports torch: on networks this small, threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before anything imports Ray, which reads its settings only then; the token is these tests' own.
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
configure("local")

TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {
        "source": "synthetic",
        "image_size": 16,
        "num_classes": 2,
        "train_per_class": 6,
        "val_per_class": 3,
    },
    "model": {
        "channels": [4, 8],
        "features": 8,
        "embed": 8,
        "heads": 2,
        "blocks": 1,
        "ffn": 16,
        "init": "he",
    },
    "pretrain": {
        "epochs": 2,
        "batch_size": 5,
        "optim": {"lr": 0.01},
        "schedule": {"warmup_epochs": 1, "decay_epochs": 1},
    },
    "finetune": {
        "epochs": 2,
        "batch_size": 5,
        "optim": {"lr": 0.01},
        "schedule": {"warmup_epochs": 1, "decay_epochs": 1},
    },
    "space": {"patch_size": {"grid": [2, 4]}, "mask_ratio": {"grid": [0.5]}},
}

StudyWriter = Callable[..., Path]


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` with the fields of `change`, mappings merged; None removes a field."""
    result = dict(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


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
