"""Many messages that differ only in their numbers and names, shortened to a few and the count."""

import re
from collections import Counter
from collections.abc import Sequence

_SHOWN = 3
_FEW = 5
"""Alike messages that are all shown: a line that counts two more would save nothing."""
# Quoted words, lists and mappings, and all words with a digit in them.
_PARTICULARS = re.compile(r"""'[^']*'|"[^"]*"|\[[^]]*\]|\{[^}]*\}|[-+.\w]*\d[-+.\w]*""")


def shorten_alike(messages: Sequence[str]) -> list[str]:
    """The messages in their order, of many alike the first three and how many more there are.

    Args:
        messages: `path: value: reason` each; alike are those of one section with one reason.
    """
    counts = Counter(map(_kind, messages))
    seen: Counter[tuple[str, str]] = Counter()
    lines = []
    for message in messages:
        kind = _kind(message)
        seen[kind] += 1
        if seen[kind] <= _SHOWN or counts[kind] <= _FEW:
            lines.append(message)
        elif seen[kind] == counts[kind]:
            lines.append(f"{kind[0]}: {counts[kind] - _SHOWN} more like these")
    return lines


def _kind(message: str) -> tuple[str, str]:
    """Section of the study, and the reason without its particulars."""
    path, _, reason = message.partition(": ")
    section = re.split(r"[.\[]", path)[0]
    return section, _PARTICULARS.sub("#", reason.partition(";")[0])
