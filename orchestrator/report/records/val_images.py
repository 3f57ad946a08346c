"""Validation images behind an accuracy: what its binomial error rests on."""

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.report.records.rows import TrialRecord

_TINY_IMAGENET_CLASSES = 200
_TINY_IMAGENET_VAL_PER_CLASS = 50


def val_images(trials: Iterable[TrialRecord]) -> int | None:
    """Validation images of a study's trials, which all have the same.

    Counted by the trials themselves; for records from before they did, by what their recipe
    means (Tiny ImageNet's official 50 a class). None where neither says.
    """
    rows = list(trials)
    counted = (row.val_images for row in rows if row.val_images is not None)
    by_recipe = (number for row in rows if (number := _by_recipe(row.recipe)) is not None)
    return next(counted, None) or next(by_recipe, None)


def _by_recipe(recipe: Mapping[str, Any]) -> int | None:
    data = recipe.get("data", {})
    if data.get("source") == "synthetic":
        return int(data["num_classes"]) * int(data["val_per_class"])
    if data.get("source") == "tiny-imagenet":
        classes = data["classes"]
        count = _TINY_IMAGENET_CLASSES if classes is None else len(classes)
        return count * _TINY_IMAGENET_VAL_PER_CLASS
    return None
