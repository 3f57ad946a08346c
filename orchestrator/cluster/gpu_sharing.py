"""The number of trials that share a GPU: as requested or measured, no GPU left without one."""

from pathlib import Path

from rich.console import Console

from model.data.load import load
from orchestrator.cluster.allotment import Node, Room
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan


def trials_per_gpu(plan: Plan, room: Room, cache: Path, console: Console) -> int:
    """Trials that share a GPU on a cluster: as `runtime.trials_per_gpu` says, measured for `auto`,
    and never so many that a GPU is left without one (then the console says so)."""
    runtime = plan.study.runtime
    waiting = [key for key, state in plan.board.states.items() if state is State.WAITING]
    requested = runtime.trials_per_gpu
    most = most_on_one(room.nodes, runtime.cpus_per_worker, len(waiting))
    if most is None:
        return 1
    if requested == "auto":
        return _probed(plan, waiting, most, cache, console)
    if requested > most:
        console.print(
            f"runtime.trials_per_gpu: {most} instead of {requested}: with more, the CPUs or the "
            "waiting trials would not be enough for every GPU",
            highlight=False,
        )
    return min(requested, most)


def most_on_one(nodes: list[Node], cpus_per_worker: int, trials: int) -> int | None:
    """The most trials on one GPU that leave no GPU idle; None where there is no GPU.

    Ray fills one GPU before it gives out the next.
    """
    with_gpus = [node for node in nodes if node.gpus >= 1]
    if not with_gpus:
        return None
    by_cpus = min(int(node.cpus // cpus_per_worker / node.gpus) for node in with_gpus)
    by_trials = -(-trials // int(sum(node.gpus for node in with_gpus)))
    return max(1, min(by_cpus, by_trials))


def _probed(plan: Plan, waiting: list[str], most: int, cache: Path, console: Console) -> int:
    """The number that is fastest for every task: one may need more memory than another."""
    from orchestrator.cluster.gpu_sharing_probe import ProbeSettings, probe

    runtime = plan.study.runtime
    tasks = {plan.graph.trials[key].task: plan.graph.trials[key] for key in reversed(waiting)}
    resident = load(plan.study.data, cache).images.nbytes
    settings = ProbeSettings(runtime.cpus_per_worker, runtime.compile != "off", True, resident)
    for task, trial in tasks.items():
        if most == 1:
            break
        with console.status(f"measuring how many {task} trials can share a GPU"):
            rates = probe(trial, most, settings)
        shown = ", ".join(f"{count}: {rate:,.0f} images/s" for count, rate in rates.items() if rate)
        console.print(f"{task} trials on one GPU: {shown or 'not measured'}", highlight=False)
        most = max(rates)
    return most
