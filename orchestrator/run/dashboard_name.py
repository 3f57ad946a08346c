"""A trial's name in Ray's dashboard: a task of that name on each of its workers.

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
        """Start the empty task; nobody waits for it."""

        def named() -> None:
            pass

        named.__name__ = self.name
        worker_group.execute_async(named)
