"""TensorBoard: Tune's own logger, its event files in the store from the first epoch on."""

import threading
from typing import Any

from ray.tune.logger import TBXLoggerCallback

from orchestrator.run.trackers.epoch_logger import EpochLogger
from orchestrator.store.store import Store


def to_tensorboard(store: Store) -> TBXLoggerCallback:
    """The callback for a store."""
    logger: TBXLoggerCallback = _Live() if store.is_local else _AtTheEnd()  # type: ignore[no-untyped-call]
    return logger


class _AtTheEnd(EpochLogger, TBXLoggerCallback):
    """Tune writes to a folder of its own and copies it to the store at the end."""

    title = "TensorBoard"

    def setup(self, *args: Any, **info: Any) -> None:
        """Also hear of errors in tensorboardX's own threads, which nobody could catch."""
        super().setup(*args, **info)
        usual = threading.excepthook

        def heard(error: threading.ExceptHookArgs) -> None:
            if type(error.thread).__module__.startswith("tensorboardX") and error.exc_value:
                self.give_up(error.exc_value)
            else:
                usual(error)

        threading.excepthook = heard


class _Live(_AtTheEnd):
    """In a store that is a folder, curves are there to be looked at while the study runs."""

    def log_trial_start(self, trial: Any) -> None:
        """Open the trial's event file where Tune would copy it to."""
        trial.init_local_path()  # names the trial's folder
        if trial in self._trial_writer:
            self._trial_writer[trial].close()
        self._trial_writer[trial] = self._summary_writer_cls(
            # A thread of its own empties the queue: if that has died, none may wait for it.
            trial.path,
            flush_secs=1,
            max_queue=1000,
        )
        self._trial_result[trial] = {}
