"""What Ray's dashboard shows of a trial: its name, as a task of each of its workers.

The open dashboard has no page for Train runs, and Ray gives the actors of all runs the same names;
the names of tasks it does show.
"""

from ray.train.v2._internal.execution.callback import WorkerGroupCallback
from ray.train.v2._internal.execution.worker_group import WorkerGroup


class DashboardName(WorkerGroupCallback):
    """Runs an empty task called `execute.NAME` on every worker, whenever workers have started.

    Args:
        name: of the Train run.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def after_worker_group_start(self, worker_group: WorkerGroup) -> None:
        """Say who the workers are; nobody waits for it."""

        def here() -> None:
            pass

        here.__name__ = self.name
        worker_group.execute_async(here)
