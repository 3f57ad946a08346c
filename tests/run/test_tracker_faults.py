"""A tracker whose disk is full ends no study."""

from typing import Any

import pytest
from ray.tune.logger import LoggerCallback

from orchestrator.run.trackers.epoch_logger import EpochLogger


class Full(LoggerCallback):
    """A logger of Ray's whose disk is full."""

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")


class Tracker(EpochLogger, Full):
    title = "Tracker"


def test_a_trackers_trouble_is_said_once_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tracker = Tracker()
    for _ in range(3):
        tracker.on_trial_result(iteration=1, trials=[], trial=None, result={"epoch": 1})
    expected = "Tracker: not written any more: OSError: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == expected
