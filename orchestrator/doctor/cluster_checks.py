"""Every check of a running cluster: facts of each node, and a training step on each kind of node.

Imports Ray: a task pinned to a node is the only way to see what a trial would see there.
"""

import contextlib
import logging
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from model.config.images import DataConfig
from orchestrator.doctor import checks, node_facts
from orchestrator.doctor.checks import Check, Kind
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec
from orchestrator.study.runtime import Runtime, compiles
from orchestrator.study.spec import StudySpec

PATIENCE_SECONDS = 120.0
# A network is compiled in a minute or so.
_COMPILING_SECONDS = 300.0


def check_cluster(
    study: StudySpec, trials: list[TrialSpec], store: Store, cache: str, dashboard: str | None
) -> Iterator[Check]:
    """Every check of the connected cluster, each as soon as it is known.

    Args:
        trials: one of each kind; each trains for a moment on each kind of node.
        dashboard: host and port, to see whether it wants a token.
    """
    nodes = {_name(node): node for node in _alive()}
    kinds = {name: _kind(node) for name, node in nodes.items()}
    gpus = sum(kind.gpus for kind in kinds.values())
    cpus = sum(kind.cpus for kind in kinds.values())
    yield Check("nodes", "cluster", f"{len(nodes)} alive, {cpus} CPUs, {gpus} GPUs")
    yield checks.working_directory(working_directory_size(Path.cwd()))
    facts, marks = _examined(study.data, nodes, store, cache)
    yield checks.authentication(facts, _status(dashboard) if dashboard else None)
    yield checks.same_gpus(kinds)
    yield from checks.judge(node_facts.versions(), facts, marks)
    for kind in dict.fromkeys(kinds.values()):
        name = next(name for name, other in kinds.items() if other == kind)
        for trial in trials if kind.cpus else []:
            yield _step(trial, study.runtime, kind, name, nodes[name])


def _examined(
    data: DataConfig, nodes: dict[str, Any], store: Store, cache: str
) -> tuple[dict[str, Any], set[str]]:
    """Facts of each node, or why there are none; and the nodes whose file in the store arrived."""
    mark = f"doctor-{uuid.uuid4().hex[:12]}"
    store.write(mark, b"")
    probe = ray.remote(node_facts.facts)
    answers = {
        name: _on(probe, node).remote(store.uri, mark, node["NodeID"], data, cache)
        for name, node in nodes.items()
    }
    facts = {name: _answer(reference) for name, reference in answers.items()}
    files = {name: f"{mark}.{node['NodeID']}" for name, node in nodes.items()}
    marks = {name for name, file in files.items() if store.read(file) is not None}
    for file in (mark, *files.values()):
        store.delete(file)
    return facts, marks


def _step(trial: TrialSpec, runtime: Runtime, kind: Kind, name: str, node: dict[str, Any]) -> Check:
    gpu = kind.gpus > 0
    compiled = compiles(runtime.compile, gpu)
    task = _on(ray.remote(node_facts.few_steps), node, num_cpus=1, num_gpus=int(gpu))
    patience = _COMPILING_SECONDS if compiled else PATIENCE_SECONDS
    answer = _answer(task.remote(trial, gpu, compiled), patience)
    what = f"a {trial.task} step"
    if isinstance(answer, Failed):
        fix = "see the message; a smaller batch_size needs less memory; a busy cluster, wait"
        return Check(what, f"{name} ({kind})", str(answer), fix)
    return Check(what, f"{name} ({kind})", f"trained on {answer}")


class Failed(str):
    """Why a task gave no answer."""


def _answer(reference: Any, patience: float = PATIENCE_SECONDS) -> Any:
    try:
        return ray.get(reference, timeout=patience)
    except Exception as error:
        ray.cancel(reference, force=True)
        cause = getattr(error, "cause", None) or error
        return Failed(" ".join(f"{type(cause).__name__}: {cause}".split())[:200])


def _on(task: Any, node: dict[str, Any], num_cpus: int = 0, num_gpus: int = 0) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return task.options(
        scheduling_strategy=pinned, num_cpus=num_cpus, num_gpus=num_gpus, max_retries=0
    )


def _alive() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return sorted((node for node in nodes if node["Alive"]), key=_name)


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerAddress']}/{node['NodeID'][:4]}"


def _kind(node: dict[str, Any]) -> Kind:
    resources = node["Resources"]
    models = [name.partition(":")[2] for name in resources if name.startswith("accelerator_type:")]
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    return Kind(cpus, gpus, models[0] if models else None)


def _status(dashboard: str) -> int | None:
    with contextlib.suppress(OSError):
        try:
            with urllib.request.urlopen(f"http://{dashboard}/api/jobs/", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code
    return None


def working_directory_size(folder: Path) -> int | None:
    """Bytes that `ray job submit --working-dir` would pack, by Ray's own rules; None if unknown."""
    try:
        from ray._private.runtime_env.packaging import _dir_travel
    except ImportError:  # not a public function
        return None
    sizes: list[int] = []
    note = sizes.append
    quiet = logging.getLogger("maskgrid.quiet")
    _dir_travel(folder, [], lambda path: note(path.lstat().st_size), True, quiet)
    return sum(sizes)
