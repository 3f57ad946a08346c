"""The number of trials that fit a cluster at once, so that none can starve another.

A trial's Tune actor and its Train controller take no CPU; only workers do. With as many trials at
once as there are places for their workers, no worker group ever waits for another's CPUs: waiting
groups would hold what they have and hang each other.
"""

from dataclasses import dataclass
from typing import Literal

from model.errors import InputError
from orchestrator.study.runtime import Runtime


@dataclass(frozen=True)
class Node:
    """Everything that one node of the cluster offers."""

    cpus: int
    gpus: float


@dataclass(frozen=True)
class Room:
    """Everything that a cluster offers; see `orchestrator.cluster.nodes.room_of`."""

    nodes: list[Node]
    """Live ones, and those that an autoscaler may add."""
    local: bool
    """Whether the cluster is this process's own, on this machine."""
    num_alive: int = 1
    """Nodes that are there already."""


@dataclass(frozen=True)
class Allotment:
    """The use that a study makes of a cluster."""

    executor: Literal["train", "inline"]
    concurrent: int
    """Trials at once."""
    num_workers: int
    cpus_per_worker: int
    gpus_per_worker: float
    max_workers: int | None = None
    """As many workers as a trial may grow to; None where their number is fixed."""

    @property
    def train_workers(self) -> int | tuple[int, int]:
        """The number of workers as Ray Train takes it: one, or the least and the most."""
        return (self.num_workers, self.max_workers) if self.max_workers else self.num_workers

    @property
    def worker_resources(self) -> dict[str, float]:
        """The resources that one worker requests of Ray."""
        gpus = {"GPU": self.gpus_per_worker} if self.gpus_per_worker else {}
        return {"CPU": float(self.cpus_per_worker), **gpus}


def allot(runtime: Runtime, room: Room, sharing: int | None = None) -> Allotment:
    """Fit a study's runtime section to a cluster.

    Args:
        sharing: trials on one GPU, if that has been measured.

    Raises:
        InputError: not even one trial fits; the message says what it needs and what there is.
    """
    gpus = runtime.gpu_share(sharing)
    if runtime.gpus_per_worker is None and not any(node.gpus >= 1 for node in room.nodes):
        gpus = 0.0
    if gpus > 1 and gpus != int(gpus):
        raise InputError(f"runtime.gpus_per_worker: {gpus}: a share below 1, or a whole number")
    if 0 < gpus < 1 and runtime.num_workers > 1:
        raise InputError(
            f"runtime.gpus_per_worker: {gpus}: workers of one trial cannot share a GPU; "
            "choices: 0, or a whole number"
        )
    executor = _executor(runtime, room.local)
    places = sum(_places(node, runtime.cpus_per_worker, gpus) for node in room.nodes)
    workers, max_workers = runtime.num_workers, runtime.max_workers
    if places < workers:
        raise InputError(_does_not_fit(runtime, gpus, room.nodes, places))
    # Elastic trials get room to grow; with less than that, one trial takes what there is.
    concurrent = max(1, places // (max_workers or workers))
    concurrent = min(concurrent, runtime.max_concurrent or concurrent)
    return Allotment(executor, concurrent, workers, runtime.cpus_per_worker, gpus, max_workers)


def _executor(runtime: Runtime, local: bool) -> Literal["train", "inline"]:
    inline_works = local and runtime.num_workers == 1 and runtime.max_workers is None
    if runtime.executor == "inline" and not inline_works:
        raise InputError(
            "runtime.executor: 'inline' is for one-worker trials on a local cluster; "
            f"here are {runtime.num_workers} workers a trial on a "
            f"{'local' if local else 'remote'} cluster; choices: auto, train"
        )
    if runtime.executor == "auto":
        return "inline" if inline_works else "train"
    return runtime.executor


def _places(node: Node, cpus: int, gpus: float) -> int:
    by_cpu = node.cpus // cpus
    if not gpus:
        return by_cpu
    by_gpu = int(node.gpus / gpus + 1e-9) if gpus >= 1 else int(node.gpus) * int(1 / gpus + 1e-9)
    return min(by_cpu, by_gpu)


def _does_not_fit(runtime: Runtime, gpus: float, nodes: list[Node], places: int) -> str:
    offers = ", ".join(f"{node.cpus} CPUs + {node.gpus:g} GPUs" for node in nodes) or "no node"
    return (
        f"the study does not fit the cluster: a trial needs {runtime.num_workers} workers of "
        f"{runtime.cpus_per_worker} CPUs + {gpus:g} GPUs each (runtime.num_workers, "
        f"cpus_per_worker, gpus_per_worker); the cluster's nodes have {offers}, "
        f"room for {places} such workers"
    )
