"""The one kind of error that is the user's to fix, and how a message lists names."""

from collections.abc import Sequence


class InputError(ValueError):
    """Wrong input by the user; its message is one line: the culprit, the value, the choices."""


def listed(names: Sequence[str], most: int, separator: str = "; ") -> str:
    """Names on one line, at most so many of them: `a; b; and 3 more`."""
    more = len(names) - most
    return separator.join([*names[:most], *([f"and {more} more"] if more > 0 else [])])
