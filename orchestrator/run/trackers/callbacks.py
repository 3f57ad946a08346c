"""The trackers that a run writes to besides the ledger: their needs, and their folders.

TensorBoard's event files are always written. MLflow and W&B are requested by `runtime.trackers`;
both write beside the trials, on this machine alone, without an account or a network.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from model.errors import InputError
from orchestrator.store.store import Store
from orchestrator.study.runtime import Runtime, Tracker
from orchestrator.study.spec import StudySpec


def check_trackers(runtime: Runtime, store: Store) -> None:
    """Make sure that every requested tracker can be written to.

    Raises:
        InputError: a package is missing (the message names the extra that brings it), or the store
            is a bucket, which no tracker writes to.
    """
    for name in runtime.trackers:
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"runtime.trackers: {name!r}: its package is not installed; "
                f"pip install 'maskgrid[{name}]' brings it"
            )
        if not store.is_local:
            raise InputError(
                f"runtime.trackers: {name!r}: it writes files beside the trials, and the store "
                f"{store.name} is not a folder; choices: no trackers, or a folder as --store"
            )


def tracker_folder(name: Tracker, store: Store) -> Path:
    """The folder that a tracker writes to, in a store that is a folder."""
    return Path(store.uri) / name


def callbacks(study: StudySpec, store: Store) -> list[Any]:
    """Tune's callbacks: TensorBoard's, and one for each tracker that the study asks for."""
    from orchestrator.run.trackers.to_tensorboard import to_tensorboard

    loggers = [to_tensorboard(store)]
    for name in study.runtime.trackers:
        # Only what is requested is imported: each package costs a second.
        module = importlib.import_module(f"orchestrator.run.trackers.to_{name}")
        loggers.append(getattr(module, f"to_{name}")(study.name, tracker_folder(name, store)))
    return loggers
