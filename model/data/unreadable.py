"""One error that names all images which cannot be read."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from model.errors import InputError

_SHOWN = 5
"""Images that the message names; more of them are listed in a file."""


def unreadable(path: Path, reasons: Sequence[str], total: int) -> InputError:
    """Return an error of one line: how many images cannot be read, some of them, and where all are.

    Args:
        path: the root of the images.
        reasons: name and reason of each image that cannot be read.
        total: number of images in all.
    """
    lines = sorted(" ".join(reason.split()) for reason in reasons)
    message = f"{path}: {len(lines)} of {total} images cannot be read: {'; '.join(lines[:_SHOWN])}"
    if len(lines) > _SHOWN:
        message += f"; ... (all of them in {_write(lines)})"
    return InputError(message)


def _write(lines: Sequence[str]) -> str:
    """Path of a new file with all lines, in the folder for temporary files."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="maskgrid-unreadable-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.writelines(f"{line}\n" for line in lines)
        return file.name
    except OSError as error:
        return f"no file: {error}"
