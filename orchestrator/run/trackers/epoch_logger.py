"""The base of every tracker: it gets epochs as the ledger has them, and never ends a study."""

import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from ray.tune.logger import LoggerCallback

from model.epoch_row import EpochRow

METRICS = tuple(field.name for field in fields(EpochRow) if field.name not in ("epoch", "measures"))
_SPLITS = ("train_", "dev_", "val_")
"""Beginnings of the names of an epoch's measures, and of nothing that Tune adds."""


class EpochLogger(LoggerCallback):
    """Mixed into one of Ray's loggers, it passes on epochs only, with the epoch as the step.

    Tune adds some twenty values of its own to every report, host name and process number among
    them, and counts reports from 1 again where a trial goes on after a kill.

    An error of the logger's, such as a full disk, is printed once; from then on nothing is logged.
    """

    title = "tracker"
    """Name of the tracker for messages."""
    broken = False

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log the metrics of a report that tells an epoch; the last one only tells the end."""
        if "epoch" not in result:
            return
        names = [*METRICS, *(n for n in result if n.startswith(_SPLITS) and n not in METRICS)]
        metrics = {name: result[name] for name in names if result.get(name) is not None}
        super().log_trial_result(
            iteration, trial, {**metrics, "training_iteration": result["epoch"]}
        )

    def guarded(self, hook: Callable[..., Any], *args: Any, **info: Any) -> None:
        """Call one of the logger's hooks; its error ends the logging and nothing else."""
        if self.broken:
            return
        try:
            hook(*args, **info)
        except Exception as error:
            self.give_up(error)

    def give_up(self, error: BaseException) -> None:
        """Log nothing more; the study goes on, since the ledger has all that was to be logged."""
        if not self.broken:
            self.broken = True
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"{self.title}: not written any more: {reason}", file=sys.stderr)

    def setup(self, *args: Any, **info: Any) -> None:
        """Tune's hook; see `guarded`."""
        self.guarded(super().setup, *args, **info)

    def on_trial_start(self, *args: Any, **info: Any) -> None:
        """Tune's hook; see `guarded`."""
        self.guarded(super().on_trial_start, *args, **info)

    def on_trial_result(self, *args: Any, **info: Any) -> None:
        """Tune's hook; see `guarded`."""
        self.guarded(super().on_trial_result, *args, **info)

    def on_trial_complete(self, *args: Any, **info: Any) -> None:
        """Tune's hook; see `guarded`."""
        self.guarded(super().on_trial_complete, *args, **info)

    def on_trial_error(self, *args: Any, **info: Any) -> None:
        """Tune's hook; see `guarded`."""
        self.guarded(super().on_trial_error, *args, **info)

    def on_experiment_end(self, *args: Any, **info: Any) -> None:
        """Tune's hook; see `guarded`."""
        self.guarded(super().on_experiment_end, *args, **info)
