"""A Ray cluster of several nodes on this machine, for faults that take a whole node."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chaos.faults import PRETRAIN, Popen
from chaos.processes import descendants
from chaos.study_under_test import StudyUnderTest

_NOTICE = 5.0  # seconds between the notice of a preemption and the node's end


class Nodes:
    """A head without CPUs and two nodes, each large enough for a trial's two workers."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        self._nodes = [self._cluster.add_node(num_cpus=2) for _ in range(2)]
        self.address: str = self._cluster.address

    def kill_busy(self, arena: StudyUnderTest, driver: Popen) -> Popen:
        """The node that a trial's workers are on dies; another one takes over."""
        arena.until_epoch(arena.keys[PRETRAIN], 2)
        self._cluster.remove_node(self._busy(), allow_graceful=False)
        return driver

    def preempt_busy(self, arena: StudyUnderTest, driver: Popen) -> Popen:
        """The node that a trial's workers are on is preempted with notice; another takes over."""
        from ray._raylet import GcsClient
        from ray.core.generated.autoscaler_pb2 import DrainNodeReason

        arena.until_epoch(arena.keys[PRETRAIN], 2)
        deadline = int((time.time() + _NOTICE) * 1000)
        reason = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        GcsClient(address=self.address).drain_node(self._busy().node_id, reason, "spot", deadline)
        return driver

    def _busy(self) -> Any:
        for node in self._nodes:
            (raylet,) = node.all_processes["raylet"]
            if any("RayTrainWorker" in name for name in descendants(raylet.process.pid).values()):
                return node
        raise LookupError("no node has a Train worker")

    def shutdown(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


@contextmanager
def nodes() -> Iterator[Nodes]:
    """A cluster that ends with the context."""
    cluster = Nodes()
    try:
        yield cluster
    finally:
        cluster.shutdown()
