"""Fields that many nested records share, and those in which they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.study.dotted_paths import Flat, flatten

_ABSENT = object()


@dataclass(frozen=True)
class Compared:
    """Records side by side: what all share, once, and a row of the rest for each."""

    common: Flat
    differing: tuple[str, ...]
    """Paths that are not the same everywhere, in the order they are first met."""
    rows: tuple[Flat, ...]
    """One a record, in order; a path the record lacks is missing there."""


def compare(records: Sequence[Mapping[str, Any]]) -> Compared:
    """Split records into what all have in common and what each has of its own."""
    flats = [flatten(record) for record in records]
    paths = list(dict.fromkeys(path for flat in flats for path in flat))
    differing = tuple(path for path in paths if not _same(path, flats))
    return Compared(
        {path: flats[0][path] for path in paths if path not in differing},
        differing,
        tuple({path: flat[path] for path in differing if path in flat} for flat in flats),
    )


def _same(path: str, flats: Sequence[Flat]) -> bool:
    # By their text: 1 equals True and 1.0 in Python, but not in a recipe.
    return len({repr(flat.get(path, _ABSENT)) for flat in flats}) == 1
