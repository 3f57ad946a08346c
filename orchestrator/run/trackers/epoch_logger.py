"""What every tracker is told: a trial's epochs, as the ledger has them."""

from dataclasses import fields
from typing import Any

from ray.tune.logger import LoggerCallback

from model.epoch_row import EpochRow

METRICS = tuple(field.name for field in fields(EpochRow) if field.name != "epoch")


class EpochLogger(LoggerCallback):
    """Mixed into one of Ray's loggers, it passes on epochs only, with the epoch as the step.

    Tune adds some twenty values of its own to every report, host name and process number among
    them, and counts reports from 1 again where a trial goes on after a kill.
    """

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log the metrics of a report that tells an epoch; the last one only tells the end."""
        if "epoch" not in result:
            return
        known = {name: result[name] for name in METRICS if result.get(name) is not None}
        super().log_trial_result(iteration, trial, {**known, "training_iteration": result["epoch"]})
