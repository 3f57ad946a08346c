"""`maskgrid doctor`: connects, makes every check, and prints the table of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from model.config.training import ClassifyConfig, RestoreConfig
from model.errors import InputError
from orchestrator.cluster.allotment import allot
from orchestrator.cluster.connection import LOCAL, connected
from orchestrator.cluster.nodes import portable_path, room_of
from orchestrator.doctor.checks import Check
from orchestrator.plan.plan import make_plan
from orchestrator.store.store import Store, StoreError
from orchestrator.study.axes import Arm
from orchestrator.study.graph import TrialSpec, build_graph
from orchestrator.study.spec import StudySpec

# Without a study: the default network, at a batch that a laptop takes too.
ANY_STUDY = StudySpec(
    name="doctor",
    pretrain=RestoreConfig(batch_size=8),
    finetune=ClassifyConfig(batch_size=8),
    baseline=False,
    arms=(Arm(name="any"),),
)


@dataclass(frozen=True)
class DoctorRequest:
    """A study, and the cluster and store that it is to run on."""

    study: StudySpec
    trials: list[TrialSpec]
    """One of each task."""
    store: Store
    address: str
    cache: Path


def request_of(
    path: Path | None, store: str, data: Path | None, address: str, cache: Path
) -> DoctorRequest:
    """The request for a study, or for any.

    Raises:
        InputError: the study or the store is not understood.
    """
    from orchestrator.study.space import expand_space

    if path:
        plan = make_plan(path, store, data, strict=False)
        study, graph = plan.study, plan.graph
    else:
        study, graph = ANY_STUDY, build_graph(ANY_STUDY, expand_space(ANY_STUDY))
    tasks = {trial.task: trial for trial in reversed(graph.trials.values())}
    trials = [tasks[task] for task in sorted(tasks, reverse=True)]  # restoring comes first
    return DoctorRequest(study, trials, Store(store), address, cache)


def diagnose(request: DoctorRequest, console: Console) -> bool:
    """Make every check, print the table, and say whether all is well.

    Raises:
        InputError: there is no cluster at the address.
    """
    local = request.address == LOCAL
    with connected(request.address, local) as dashboard, console.status("looking"):
        checks = list(_checks(request, dashboard))
    console.print(_table(checks))
    failed = [check for check in checks if not check.passed]
    for check in failed:
        console.print(f"{check.name}, {check.where}: {check.found}", highlight=False, markup=False)
        console.print(f"  to fix it: {check.fix}", highlight=False, markup=False)
    console.print(f"{len(checks) - len(failed)} of {len(checks)} checks passed", highlight=False)
    return not failed


def _checks(request: DoctorRequest, dashboard: str | None) -> Iterator[Check]:
    from orchestrator.doctor.cluster_checks import check_cluster

    yield _room(request)
    try:
        request.store.prepare()
    except (InputError, StoreError) as error:
        yield Check("store", "here", str(error), "--store: a folder or bucket that you may write")
        return
    cache = portable_path(request.cache)
    yield from check_cluster(request.study, request.trials, request.store, cache, dashboard)


def _room(request: DoctorRequest) -> Check:
    try:
        allotment = allot(request.study.runtime, room_of(request.address))
    except InputError as error:
        return Check("room", "cluster", str(error), "change the study's runtime, or add nodes")
    shown = f"{allotment.concurrent} trials at once ({allotment.executor})"
    return Check("room", "cluster", shown)


def _table(checks: list[Check]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("", "check", "where", "found"):
        table.add_column(column, overflow="fold")
    for check in checks:
        passed = check.passed
        sign = Text("ok", style="green") if passed else Text("WRONG", style="bold red")
        table.add_row(sign, check.name, check.where, check.found if passed else "see below")
    return table
