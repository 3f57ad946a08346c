"""Connecting to Ray: a cluster of one's own on this machine, or one that is already there."""

import contextlib
import logging
import os
import secrets
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import InputError
from orchestrator.cluster import local_cluster, local_processes
from orchestrator.cluster.limits import likely_limits
from orchestrator.cluster.preconditions import (
    check_address,
    check_temporary_folder,
    make_private_folder,
)

LOCAL = "local"
# Set before Ray is imported; whatever the user has set stays.
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # The controller's poll is what a report waits for: 2 s by default.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    # Tune's own state is never restored, so it is not worth writing often.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    # Ctrl-C is ours to handle, see orchestrator/run/signals.py; Tune would take it over.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # On a cluster that others use too, a place for a trial's workers may take a while to come.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",
    # Tune's newer progress output prints its banner however quiet it is told to be.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Trackers: files alone, and not a word to anybody. MLflow would rather have a database.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}
_LOCAL_SETTINGS = {
    # Ray binds every interface even when told 127.0.0.1, unless it believes this is a desktop.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # Ray's own default is 15: beside anything else that computes, a study would get what is left.
    "RAY_worker_niceness": "0",
    "GLOO_SOCKET_IFNAME": "lo",
}


@contextlib.contextmanager
def connected(
    address: str, dashboard: bool = False, command: str = "the same command"
) -> Iterator[str | None]:
    """Connect to Ray for as long as the context lasts; yields the dashboard's address, if any.

    A connection that the calling program already has is used and left as it is.

    Args:
        address: `local` starts a cluster on this machine's loopback alone and ends it afterwards;
            `auto` or a host finds a running one and leaves it running.
        command: what goes on, for the message of a process that ends because its cluster did.

    Raises:
        InputError: there is no cluster at the address, or none can be started.
    """
    configure(address)
    import ray

    if ray.is_initialized():  # the caller's own connection, which stays the caller's
        yield None
        return
    _reach(address)
    context = _connect(address, dashboard)
    ours = local_cluster.in_use(context, command) if address == LOCAL else contextlib.nullcontext()
    try:
        with ours:
            yield context.dashboard_url or None
    finally:
        ray.shutdown()


def _connect(address: str, dashboard: bool) -> Any:
    """Ray's context of the new connection.

    Raises:
        InputError: there is no cluster at the address, or none can be started.
    """
    import ray

    local = address == LOCAL
    try:
        with warnings.catch_warnings(), local_processes.starting():
            warnings.simplefilter("ignore")
            return ray.init(
                address=address,
                include_dashboard=dashboard if local else None,
                logging_level=logging.ERROR,
                log_to_driver=False,
                runtime_env=local_cluster.interpreter() if local else None,
            )
    except Exception as error:  # Ray raises whatever comes, a bare Exception for a raylet that died
        reason = " ".join(str(error).split())[:300]
        what = "no Ray cluster could be started" if local else "no Ray cluster answered"
        advice = likely_limits() if local else ""
        raise InputError(f"--address {address}: {what}: {reason}{advice}") from None


def _reach(address: str) -> None:
    """Try HOST:PORT first: Ray itself would go on trying for a quarter of an hour."""
    target = os.environ.get("RAY_ADDRESS", "") if address == "auto" else address
    host, colon, port = target.rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--address {target}: no Ray cluster answered: {error}") from None


def configure(address: str) -> None:
    """Set Ray's environment; to be called before anything imports Ray, which reads it only then.

    Raises:
        InputError: no study can be run at the address, or Ray cannot start here.
    """
    local = address == LOCAL
    check_temporary_folder() if local else check_address(address)
    for name in {"RAY_TMPDIR", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        os.environ[name] = str(Path(os.environ[name]).absolute())  # Ray starts in another folder
    for name, value in (_SETTINGS | (_LOCAL_SETTINGS if local else {})).items():
        os.environ.setdefault(name, value)
    if local:
        os.environ["RAY_TMPDIR"] = make_private_folder()
    if local and os.environ["RAY_AUTH_MODE"] == "token":
        _ensure_token()
    elif not local and _token_path().exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray does not look for the file by itself
    # Banners, progress tables and deprecation notices; Ray's log files keep what they keep.
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # Tune logs a failed trial's traceback


def authentication() -> str | None:
    """The way in which this process makes sure of whom it talks to: `token`, or None."""
    return os.environ.get("RAY_AUTH_MODE")


def start_workers_within(seconds: float) -> None:
    """Limit how long Train waits for a place for the workers of this process's trials."""
    os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = str(seconds)


def _token_path() -> Path:
    return Path.home() / ".ray" / "auth_token"


def _ensure_token() -> None:
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return
    path = _token_path()
    if path.exists() and path.stat().st_size:
        with contextlib.suppress(OSError):
            path.chmod(0o600)  # Ray itself leaves it readable by all
        return
    token = secrets.token_hex(32)
    part = path.with_name(f".auth_token.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readable by its owner alone from the first byte on, and whole from the first moment.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(token)
        part.replace(path)
    except OSError:  # no home to write to: a token of this process and its children will do
        os.environ["RAY_AUTH_TOKEN"] = token
