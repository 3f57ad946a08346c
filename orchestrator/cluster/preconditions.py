"""Checks that need no Ray: what would keep it from starting or answering, said before trying."""

import os
from pathlib import Path

from model.errors import InputError

_SOCKET = "ray/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store"
"""Longest path that Ray makes below its temporary folder for a socket."""
_MOST_BYTES = 107
"""Of a socket's path, by the kernel; see `man 7 unix`."""


def check_address(address: str) -> None:
    """Refuse an address that no study can be run at.

    Raises:
        InputError: a URL of Ray's dashboard or of a Ray Client.
    """
    if address.startswith("ray://"):
        raise InputError(
            f"--address {address}: a Ray Client cannot drive a study; "
            "use --address auto on a node of the cluster, or `ray job submit`"
        )
    if address.startswith(("http://", "https://")):
        raise InputError(
            f"--address {address}: this is where Ray's dashboard takes jobs; give the cluster's "
            f"HOST:6379 or auto on one of its nodes, or `ray job submit --address {address}`"
        )


def check_temporary_folder() -> None:
    """Refuse a folder that Ray cannot use for a cluster that it starts here.

    Raises:
        InputError: the folder is missing, cannot be written, or its path is too long.
    """
    variable = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), None)
    if variable is None:
        return
    folder = Path(os.environ[variable])
    if not folder.is_dir():
        raise InputError(f"{variable} {folder}: no such folder; create it or unset {variable}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{variable} {folder}: cannot be written; choose another folder")
    too_long = len(os.fsencode(_private(folder.absolute()) / _SOCKET)) - _MOST_BYTES
    if too_long > 0:
        raise InputError(
            f"{variable} {folder}: too long by {too_long} bytes for the sockets that Ray makes in "
            "it; choose a shorter path, such as RAY_TMPDIR=/tmp"
        )


def make_private_folder() -> str:
    """Create a folder of this user's alone for Ray's files, and return its path.

    It is in RAY_TMPDIR, or where Ray would put its files. Ray opens its own folder to everybody,
    and logs there what trials get from the environment, credentials of a bucket included.

    Raises:
        InputError: it cannot be created, or belongs to somebody else.
    """
    places = (os.environ.get("RAY_TMPDIR"), os.environ.get("TMPDIR"), "/tmp")
    folder = _private(Path(next(filter(None, places))))
    advice = "set RAY_TMPDIR to a folder of yours with a short path"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            raise InputError(f"{folder}: it belongs to somebody else; {advice}")
        folder.chmod(0o700)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}; {advice}") from None
    return str(folder)


def _private(folder: Path) -> Path:
    """The private folder in a folder, which may be one already: a process inherits RAY_TMPDIR."""
    name = f"maskgrid-{os.getuid()}"
    return folder if folder.name == name else folder / name
