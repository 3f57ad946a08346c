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
    too_long = len(os.fsencode(folder.absolute() / _SOCKET)) - _MOST_BYTES
    if too_long > 0:
        raise InputError(
            f"{variable} {folder}: too long by {too_long} bytes for the sockets that Ray makes in "
            "it; choose a shorter path, such as RAY_TMPDIR=/tmp"
        )
