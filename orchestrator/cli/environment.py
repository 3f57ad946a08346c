"""The process's environment before a command starts, whoever started it and however."""

import contextlib
import io
import os
import stat
import sys
import tempfile
from pathlib import Path

from model.errors import InputError

# Variables that are set but empty count as unset. Others may mean something by being empty, such as
# CUDA_VISIBLE_DEVICES: no GPU.
_PREFIXES = ("MASKGRID_", "RAY_", "TUNE_", "XDG_")
_NAMES = ("HOME", "TMPDIR")


def prepare_process() -> None:
    """Make output that cannot fail, unset empty variables, and find a home if there is none.

    Raises:
        InputError: the current folder is gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # characters that its encoding lacks become `?`
    for name in [name for name, value in os.environ.items() if not value]:
        if name.startswith(_PREFIXES) or name in _NAMES:
            del os.environ[name]
    if not _has_home():
        os.environ["HOME"] = str(_substitute_home())
    try:
        Path.cwd()
    except FileNotFoundError:
        raise InputError("the current folder no longer exists; change to another one") from None


def _has_home() -> bool:
    try:
        Path.home()
    except RuntimeError:  # a user id without an entry, as in containers
        return False
    return True


def _substitute_home() -> Path:
    """A folder for what needs a home, Ray foremost, which dies without one when it is imported.

    It need not be there, for commands that write nothing; if it is, it is this user's alone.
    """
    try:
        home = Path(tempfile.gettempdir(), f"maskgrid-{os.getuid()}")
    except FileNotFoundError:  # nothing here can be written
        return Path("/nonexistent")
    with contextlib.suppress(OSError):
        home.mkdir(mode=0o700)
    if home.is_symlink() or (home.exists() and not _is_private(home)):
        return Path(tempfile.mkdtemp(prefix="maskgrid-"))
    return home


def _is_private(folder: Path) -> bool:
    status = folder.stat()
    return status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == 0o700
