"""Accuracies that need no network: what a result stands beside."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.report.records.rows import TrialRecord

_TINY_IMAGENET_CLASSES = 200


@dataclass(frozen=True)
class Guessing:
    """Accuracies on a study's validation images without looking at them, each None if unknown."""

    chance: float | None = None
    """Of guessing among the classes at random."""
    largest_class: float | None = None
    """Of always answering with the most frequent class; None where all are equally frequent."""


def guessing(trials: Iterable[TrialRecord]) -> Guessing:
    """Read the accuracies of guessing off a study's trials, which all have the same images.

    The trials count classes and images themselves; records from before they did have the number
    of classes in their recipe, if anywhere.
    """
    rows = list(trials)
    counted = next((row for row in rows if row.num_classes), None)
    number = counted.num_classes if counted else next(map(_classes_of, rows), None)
    if not number:
        return Guessing()
    share = counted.largest_class_share if counted else None
    # Classes of equal size: the same number again.
    is_more = share is not None and share > 1 / number + 1e-9
    return Guessing(1 / number, share if is_more else None)


def _classes_of(row: TrialRecord) -> int | None:
    data = row.recipe.get("data", {})
    classes = data.get("classes")
    number: int | None = data.get("num_classes") or (len(classes) if classes else None)
    if number is None and data.get("source") == "tiny-imagenet":
        return _TINY_IMAGENET_CLASSES
    return number
