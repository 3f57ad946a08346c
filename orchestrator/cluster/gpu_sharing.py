"""How many trials of a study share a GPU: as asked or as found out, and no GPU left without one."""

from pathlib import Path

from rich.console import Console

from model.data.load import load
from orchestrator.cluster.allotment import Node
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan


def trials_per_gpu(plan: Plan, room: list[Node], cache: Path, console: Console) -> int:
    """What `runtime.trials_per_gpu` comes to on a cluster; told where it is not what was asked."""
    runtime = plan.study.runtime
    waiting = [key for key, state in plan.board.states.items() if state is State.WAITING]
    asked, most = runtime.trials_per_gpu, most_on_one(room, runtime.cpus_per_worker, len(waiting))
    if most is None:
        return 1
    if asked == "auto":
        return _probed(plan, waiting, most, cache, console)
    if asked > most:
        console.print(
            f"runtime.trials_per_gpu: {most} instead of {asked}: with more, the CPUs or the trials "
            "that wait would not suffice for every GPU",
            highlight=False,
        )
    return min(asked, most)


def most_on_one(room: list[Node], cpus_per_worker: int, trials: int) -> int | None:
    """The most trials on one GPU that leave no GPU idle; None where there is no GPU.

    Ray fills one GPU before it gives out the next.
    """
    with_gpus = [node for node in room if node.gpus >= 1]
    if not with_gpus:
        return None
    by_cpus = min(int(node.cpus // cpus_per_worker / node.gpus) for node in with_gpus)
    by_trials = -(-trials // int(sum(node.gpus for node in with_gpus)))
    return max(1, min(by_cpus, by_trials))


def _probed(plan: Plan, waiting: list[str], most: int, cache: Path, console: Console) -> int:
    """As many as is fastest for each kind of trial: a kind may need more memory than the other."""
    from orchestrator.cluster.gpu_sharing_probe import ProbeSettings, probe

    runtime = plan.study.runtime
    kinds = {plan.graph.trials[key].kind: plan.graph.trials[key] for key in reversed(waiting)}
    resident = load(plan.study.data, cache).images.nbytes
    setting = ProbeSettings(runtime.cpus_per_worker, runtime.compile != "off", True, resident)
    for kind, trial in kinds.items():
        if most == 1:
            break
        with console.status(f"measuring how many {kind} trials can share a GPU"):
            rates = probe(trial, most, setting)
        told = ", ".join(f"{count}: {rate:,.0f} images/s" for count, rate in rates.items() if rate)
        console.print(f"{kind} trials on one GPU: {told or 'not measured'}", highlight=False)
        most = max(rates)
    return most
