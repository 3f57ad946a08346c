"""`make chaos`: injects every fault into a small study, prints what became of it, and keeps it."""

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from chaos import faults
from chaos.cluster import Nodes, nodes
from chaos.faults import Fault
from chaos.injection import FaultResult, Undisturbed, inject, undisturbed
from chaos.report import write
from chaos.study_under_test import StudyUnderTest
from orchestrator.cluster.connection import configure

INLINE = {"executor": "inline", "max_concurrent": 1}
TRAIN = {"executor": "train", "num_workers": 2}
GROUP = (
    faults.terminate_group, faults.hang_up_group, faults.ctrl_c_group,
    faults.terminate_group_twice, faults.gcs, faults.raylet,
)  # fmt: skip
LOCAL: dict[str, tuple[dict[str, object], tuple[Fault, ...]]] = {
    "inline": (
        INLINE,
        (
            faults.actor, faults.driver, faults.three_times, faults.terminate, faults.ctrl_c_twice,
            *GROUP, faults.damaged_checkpoint, faults.vanished_store, faults.second_run,
        ),
    ),
    "train, 2 workers": (
        TRAIN,
        (
            faults.worker, faults.controller, faults.actor, faults.driver, *GROUP,
            faults.second_run,
        ),
    ),
}  # fmt: skip


def main(wanted: list[str], target: Path) -> int:
    """Inject the faults that are named, or all, and then keep the table; 0 if none did harm."""
    # Before anything imports Ray: a token for all processes, and notices of preemption.
    os.environ |= {"RAY_AUTH_TOKEN": secrets.token_hex(32), "OMP_NUM_THREADS": "1"}
    os.environ["RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"] = "1"
    os.environ["RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S"] = "0.5"
    configure("local")
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="maskgrid-chaos-") as folder:
        for verdict in [*_local(Path(folder), wanted), *_cluster(Path(folder), wanted)]:
            verdicts.append(verdict)
    write(verdicts, None if wanted else target)
    return 0 if all(verdict.good for verdict in verdicts) else 1


def _local(folder: Path, wanted: list[str]) -> Iterator[FaultResult]:
    for where, (runtime, chosen) in LOCAL.items():
        requested = [fault for fault in chosen if not wanted or fault.__name__ in wanted]
        expected: Undisturbed | None = None
        for fault in requested:
            expected = expected or undisturbed(
                StudyUnderTest(folder / f"{where}-undisturbed", runtime)
            )
            arena = StudyUnderTest(folder / f"{where}-{fault.__name__}", runtime)
            yield _told(inject(fault, arena, expected, where), arena)


def _cluster(folder: Path, wanted: list[str]) -> Iterator[FaultResult]:
    where, expected = "train, 2 workers, 3 nodes", None
    for fault in (Nodes.kill_busy, Nodes.preempt_busy):
        if wanted and fault.__name__ not in wanted:
            continue
        with nodes() as cluster:
            name = f"nodes-{fault.__name__}"
            arena = StudyUnderTest(folder / name, TRAIN, cluster.address)
            if expected is None:
                expected = undisturbed(
                    StudyUnderTest(folder / "nodes-undisturbed", TRAIN, cluster.address)
                )
            yield _told(inject(getattr(cluster, fault.__name__), arena, expected, where), arena)


def _told(verdict: FaultResult, arena: StudyUnderTest) -> FaultResult:
    print(asdict(verdict), flush=True)
    if not verdict.good:
        print(arena.log()[-4000:], flush=True)
    return verdict


def _requested() -> list[str]:
    of_nodes = (Nodes.kill_busy, Nodes.preempt_busy)
    choices = {fault.__name__ for _, chosen in LOCAL.values() for fault in (*chosen, *of_nodes)}
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"of {', '.join(sorted(choices))}")
    requested: list[str] = parser.parse_args().faults
    if unknown := set(requested) - choices:
        parser.error(f"no fault {unknown.pop()}; choices: {', '.join(sorted(choices))}")
    return requested


if __name__ == "__main__":
    sys.exit(main(_requested(), Path("results/chaos")))
