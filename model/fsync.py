"""Making sure that what was written is on the disk, so that a power cut undoes no promise."""

import os
from pathlib import Path
from typing import IO


def flush(file: IO[bytes]) -> None:
    """Put a file's bytes on the disk."""
    file.flush()
    os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Put a folder's names on the disk: without it a rename just made may be undone."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
