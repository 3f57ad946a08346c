"""MLflow: Ray's logger, into a folder of files; a run has its trial's key as name."""

from pathlib import Path
from typing import Any

import mlflow
from ray.air.integrations.mlflow import MLflowLoggerCallback

from orchestrator.run.trackers.epoch_logger import EpochLogger


def to_mlflow(study: str, folder: Path) -> MLflowLoggerCallback:
    """The callback of a study, which is an experiment in MLflow's terms."""
    return _MLflow(folder.as_uri(), experiment_name=study)


class _MLflow(EpochLogger, MLflowLoggerCallback):
    """A trial that goes on after a kill goes on in the run that it began."""

    title = "MLflow"

    def log_trial_start(self, trial: Any) -> None:
        """Find the trial's run, or begin it."""
        runs = mlflow.MlflowClient(self.tracking_uri).search_runs(
            [str(self.mlflow_util.experiment_id)], f"attributes.run_name = '{trial}'"
        )
        if runs:
            self._trial_runs[trial] = runs[0].info.run_id
        else:
            super().log_trial_start(trial)
