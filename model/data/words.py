"""Numbers and names for messages of one line."""

from collections.abc import Sequence


def number(count: int, noun: str) -> str:
    """`1 file`, or `3 files`."""
    return f"1 {noun}" if count == 1 else f"{count} {_plural(noun)}"


def shorten(names: Sequence[str], noun: str) -> str:
    """`class a`, or `3 classes (a, b, c)`, on one line and with at most five names."""
    shown = [" ".join(str(name).split()) for name in names[:5]]
    if len(names) == 1:
        return f"{noun} {shown[0]}"
    rest = ", ..." if len(names) > len(shown) else ""
    return f"{number(len(names), noun)} ({', '.join(shown)}{rest})"


def continued(notes: Sequence[str]) -> str:
    """Notes that may explain an error, to go on its line."""
    return "".join(f"; {note}" for note in notes)


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"
