"""Names that say what a trial is, where people read them: Ray's dashboard, Tune, TensorBoard."""

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.study.axes import ALIASES

_LONGEST = 80
_NO_AXES = {"trial_key", "stage", "cell", "seed"}


def readable_name(trial: Mapping[str, Any]) -> str:
    """`pretrain-4x4-20pct-s0-1a2b3c4d5e6f`: stage, cell, seed and the key's hash.

    Args:
        trial: as Tune is given it: `trial_key`, `stage`, `cell`, `seed` and the axes' values.
    """
    key = str(trial["trial_key"])
    task, _, digits = key.rpartition("-")
    axes = {name: value for name, value in trial.items() if name not in _NO_AXES}
    cell = "-".join(_axis(name, value) for name, value in axes.items())
    # An arm is known by its name, not by what it sets.
    if not {"patch_size", "mask_ratio"} & axes.keys():
        cell = str(trial.get("cell", "")) or cell
    stage, seed = str(trial.get("stage", task)), f"s{trial.get('seed', 0)}"
    parts = [stage, _slug(cell)[:_LONGEST].strip("-"), seed, digits]
    return "-".join(part for part in parts if part)


def _axis(name: str, value: Any) -> str:
    path = ALIASES.get(name, name)
    if path == ALIASES["patch_size"]:
        return f"{value}x{value}"
    if path == ALIASES["mask_ratio"]:
        return f"{100 * float(value):.3g}pct"
    return f"{path.rpartition('.')[2]}-{value}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
