"""`make chaos`: injects every fault into a small study, prints what became of it, and keeps it.

A row that is run takes the place of the one that was kept, and names its own commit.
"""

import argparse
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from chaos import faults
from chaos.cluster import Nodes, nodes
from chaos.faults import Fault, Popen
from chaos.injection import FaultResult, Undisturbed, inject, title, undisturbed
from chaos.report import KeptTable, show
from chaos.study_under_test import StudyUnderTest
from orchestrator.cluster.connection import configure

INLINE = {"executor": "inline", "max_concurrent": 1}
TRAIN = {"executor": "train", "num_workers": 2}
GROUP = (
    faults.terminate_group, faults.hang_up_group, faults.ctrl_c_group,
    faults.terminate_group_twice, faults.terminate_group_without_workers,
    faults.terminate_group_without_ray, faults.gcs, faults.raylet,
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


NODES = "train, 2 workers, 3 nodes"
OF_NODES = (Nodes.kill_busy, Nodes.preempt_busy)
ROWS: tuple[tuple[str, Callable[..., Popen]], ...] = (
    *((where, fault) for where, (_, chosen) in LOCAL.items() for fault in chosen),
    *((NODES, fault) for fault in OF_NODES),
)
Due = Callable[[str, Callable[..., Popen]], bool]


def main(wanted: list[str], missing: bool, target: Path) -> int:
    """Inject the faults that are named, or all, and keep each one's row; 0 if none did harm.

    Args:
        missing: leave out those that the table has a row of.
    """
    # Before anything imports Ray: a token for all processes, and notices of preemption.
    os.environ |= {"RAY_AUTH_TOKEN": secrets.token_hex(32), "OMP_NUM_THREADS": "1"}
    os.environ["RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"] = "1"
    os.environ["RAY_TRAIN_PREEMPTION_POLL_INTERVAL_S"] = "0.5"
    configure("local")
    table = KeptTable(target, [(title(fault), where) for where, fault in ROWS])

    def due(where: str, fault: Callable[..., Popen]) -> bool:
        named = not wanted or fault.__name__ in wanted
        return named and not (missing and table.has(title(fault), where))

    verdicts = []
    with tempfile.TemporaryDirectory(prefix="maskgrid-chaos-") as folder:
        for verdict in chain(_local(Path(folder), due), _cluster(Path(folder), due)):
            table.keep(verdict)
            verdicts.append(verdict)
    show(verdicts)
    return 0 if all(verdict.good for verdict in verdicts) else 1


def _local(folder: Path, due: Due) -> Iterator[FaultResult]:
    for where, (runtime, chosen) in LOCAL.items():
        expected: Undisturbed | None = None
        for fault in (fault for fault in chosen if due(where, fault)):
            expected = expected or undisturbed(
                StudyUnderTest(folder / f"{where}-undisturbed", runtime)
            )
            arena = StudyUnderTest(folder / f"{where}-{fault.__name__}", runtime)
            yield _told(inject(fault, arena, expected, where), arena)


def _cluster(folder: Path, due: Due) -> Iterator[FaultResult]:
    expected: Undisturbed | None = None
    for fault in (fault for fault in OF_NODES if due(NODES, fault)):
        with nodes() as cluster:
            name = f"nodes-{fault.__name__}"
            arena = StudyUnderTest(folder / name, TRAIN, cluster.address)
            if expected is None:
                expected = undisturbed(
                    StudyUnderTest(folder / "nodes-undisturbed", TRAIN, cluster.address)
                )
            yield _told(inject(getattr(cluster, fault.__name__), arena, expected, NODES), arena)


def _told(verdict: FaultResult, arena: StudyUnderTest) -> FaultResult:
    print(asdict(verdict), flush=True)
    if not verdict.good:
        print(arena.log()[-4000:], flush=True)
    return verdict


def _arguments() -> argparse.Namespace:
    choices = {fault.__name__ for _, fault in ROWS}
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"of {', '.join(sorted(choices))}; without, all")
    parser.add_argument("--missing", action="store_true", help="only what the table lacks")
    arguments = parser.parse_args()
    if unknown := set(arguments.faults) - choices:
        parser.error(f"no fault {unknown.pop()}; choices: {', '.join(sorted(choices))}")
    return arguments


if __name__ == "__main__":
    given = _arguments()
    sys.exit(main(given.faults, given.missing, Path("results/chaos")))
