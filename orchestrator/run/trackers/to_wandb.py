"""W&B: Ray's logger, offline; `wandb sync` uploads what it wrote for those who want that."""

from pathlib import Path
from typing import Any

import ray
import wandb
from ray.air.integrations.wandb import WandbLoggerCallback, _WandbLoggingActor

from orchestrator.run.trackers.epoch_logger import EpochLogger

# What W&B would note of machine, user and code. The ledger has what matters of it.
_PRIVATE = {
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "host": "unnamed",
    "silent": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}
# How long, at most, the end of a study waits for W&B's processes to write their last lines.
_END_SECONDS = 300


def to_wandb(study: str, folder: Path) -> WandbLoggerCallback:
    """The callback of a study, which is a group of W&B's project `maskgrid`."""
    folder.mkdir(parents=True, exist_ok=True)
    return _Wandb(
        project="maskgrid",
        group=study,
        upload_timeout=_END_SECONDS,
        # Passed on to `wandb.init`.
        mode="offline",
        dir=str(folder.parent),
        settings=_PRIVATE,
    )


class _Logging(_WandbLoggingActor):
    """Ray kills its logging process once it is through, and offline W&B says so too early: one
    run in six was cut to nothing. Only `teardown` waits until the file is written.
    """

    def run(self) -> None:
        """Log a trial until its end."""
        super().run()  # type: ignore[no-untyped-call]
        wandb.teardown()


class _Wandb(EpochLogger, WandbLoggerCallback):
    """Without an API key: Ray would ask for one, and put it into the runtime environment of its
    logging processes, which the dashboard and Ray's log files show.
    """

    title = "W&B"

    def setup(self, *args: Any, **info: Any) -> None:
        """Prepare Ray's logging processes, on the node that the folder is on."""
        here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
        logging: Any = ray.remote(num_cpus=0, label_selector=here)(_Logging)
        self._remote_logger_class = logging
