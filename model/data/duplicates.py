"""The same image twice in a data set, by size and checksum."""

from collections import defaultdict
from collections.abc import Sequence

from model.data.listing import Entry
from model.data.words import number

_SHOWN = 3
"""Examples in a line."""


def describe_duplicates(entries: Sequence[Entry]) -> list[str]:
    """Describe equal files that are in training and validation, or in two classes, a line each.

    An image that is trained on is no test of what was learned, and one with two labels is wrong
    whatever a network answers.
    """
    keys = [(content.size, content.crc32) for _, content in entries]
    if len(set(keys)) == len(keys):
        return []
    groups: defaultdict[tuple[int, int], list[Entry]] = defaultdict(list)
    for key, entry in zip(keys, entries, strict=True):
        groups[key].append(entry)
    equal = [group for group in groups.values() if len(group) > 1]
    return [*_in_both_splits(equal, entries), *_with_two_labels(equal)]


def _in_both_splits(equal: list[list[Entry]], entries: Sequence[Entry]) -> list[str]:
    pairs = []
    for group in equal:
        trained = [entry for entry in group if not entry.image.is_val]
        pairs += [(entry, trained[0]) for entry in group if entry.image.is_val and trained]
    if not pairs:
        return []
    total = number(sum(entry.image.is_val for entry in entries), "validation image")
    verb = "is a training image" if len(pairs) == 1 else "are training images"
    return [f"{len(pairs)} of {total} {verb} too (same size and checksum): {_examples(pairs)}"]


def _with_two_labels(equal: list[list[Entry]]) -> list[str]:
    pairs = []
    for group in equal:
        others = [entry for entry in group if entry.image.class_name != group[0].image.class_name]
        pairs += [(group[0], other) for other in others[:1]]
    if not pairs:
        return []
    verb = "has two labels" if len(pairs) == 1 else "have two labels"
    return [f"{number(len(pairs), 'image')} {verb} (same size and checksum): {_examples(pairs)}"]


def _examples(pairs: list[tuple[Entry, Entry]]) -> str:
    shown = [f"{one.image.file} = {other.image.file}" for one, other in pairs[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(pairs) > _SHOWN else "")
