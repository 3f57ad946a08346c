"""A tiny study that takes the same road as the real ones, and how tests change it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
