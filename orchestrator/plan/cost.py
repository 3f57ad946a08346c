"""Cost of a study: hours, GPU-hours and disk, from what trials like its own took before.

A trial is like another if task, network, images, batch, precision and workers are the same: then an
epoch takes it as long. What nothing like it was ever trained is said to be unknown, not guessed.
"""

import heapq
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from model.errors import InputError
from orchestrator.plan.board import Board, State
from orchestrator.plan.plan import Plan
from orchestrator.store.ledger import DamagedError, Ledger
from orchestrator.store.paths import Paths
from orchestrator.study.durations import duration
from orchestrator.study.graph import TrialGraph, TrialSpec
from orchestrator.study.runtime import Runtime


@dataclass(frozen=True)
class Measured:
    """Time and space that a finished trial took."""

    epoch_seconds: float
    """Training and evaluation of one epoch; the median of its epochs."""
    overhead_seconds: float
    """From its start to its end, less its epochs: processes, imports, writing."""
    weights_bytes: int
    hardware: str
    """The GPU's or the processor's name."""
    gpu: bool


@dataclass(frozen=True)
class Estimate:
    """Time and space that the trials to run are expected to take."""

    trials: int
    unknown: int
    """Trials like which none was ever measured; nothing below counts them."""
    wall_seconds: float
    """With so many trials at once as were assumed."""
    worker_hours: float
    gpus_per_worker: float
    """0 where trials train on CPUs."""
    hardware: tuple[str, ...]
    """Names of the GPUs or processors of the measured trials."""
    disk_bytes: int
    """Final weights, and two checkpoints of each running trial."""
    at_once: int

    @property
    def gpu_hours(self) -> float:
        """Hours of GPUs; 0 where trials train on CPUs."""
        return self.worker_hours * self.gpus_per_worker

    def lines(self) -> list[str]:
        """The estimate in words."""
        if not self.trials:
            return []
        known = self.trials - self.unknown
        told = []
        if known:
            told.append(
                f"about {duration(self.wall_seconds)} with {self.at_once} at once, {self._hours}, "
                f"{self.disk_bytes / 2**20:,.1f} MiB of disk for {known} trials, as measured on "
                f"{' and '.join(self.hardware)}"
            )
        if self.unknown:
            told.append(
                f"cost unknown for {self.unknown} of {self.trials} trials: "
                "none like them has been trained in this store"
            )
        return told

    @property
    def _hours(self) -> str:
        if self.gpus_per_worker:
            return f"{self.gpu_hours:.2f} GPU-hours"
        return f"{self.worker_hours:.2f} worker-hours on CPUs"


def estimate_cost(plan: Plan, at_once: int) -> Estimate:
    """The cost of a plan's trials that would run.

    Args:
        at_once: trials at the same time.
    """
    wanted = [key for key, state in plan.board.states.items() if state is State.WAITING]
    likes = _likes(plan.ledger, plan.study.runtime) if wanted else {}
    costs = {key: likes.get(_like(plan.graph.trials[key])) for key in wanted}
    known = {key: cost for key, cost in costs.items() if cost}
    seconds = {key: _seconds(plan, key, cost) for key, cost in known.items()}
    runtime = plan.study.runtime
    gpus = runtime.gpu_share() or 1.0 if any(c.gpu for c in known.values()) else 0.0
    sizes = [cost.weights_bytes for cost in known.values()]
    return Estimate(
        trials=len(wanted),
        unknown=len(wanted) - len(known),
        wall_seconds=makespan(plan.graph, seconds, at_once),
        worker_hours=sum(seconds.values()) * runtime.num_workers / 3600,
        gpus_per_worker=gpus,
        hardware=tuple(sorted({cost.hardware for cost in known.values()})),
        # A checkpoint has the weights and Adam's two moments of each.
        disk_bytes=sum(sizes) + min(at_once, len(known)) * 2 * 3 * max(sizes, default=0),
        at_once=at_once,
    )


def refuse_above(found: Estimate, max_gpu_hours: float | None) -> None:
    """Refuse a study that would cost more than it may.

    Raises:
        InputError: it would, or nobody knows.
    """
    if max_gpu_hours is None or not found.trials:
        return
    if found.unknown:
        raise InputError(
            f"--max-gpu-hours {max_gpu_hours:g}: the cost of {found.unknown} of {found.trials} "
            "trials is unknown: none like them has been trained in this store; train one of each "
            "kind first, such as a study of one cell"
        )
    if found.gpu_hours > max_gpu_hours:
        raise InputError(
            f"--max-gpu-hours {max_gpu_hours:g}: the study would take about "
            f"{found.gpu_hours:.2f} GPU-hours"
        )


def makespan(graph: TrialGraph, seconds: dict[str, float], at_once: int) -> float:
    """Seconds until the last trial ends, each started as soon as there is a place and its inputs
    are done; deepest first, as the searcher offers them.

    Args:
        seconds: of each trial that is to be trained.
    """
    done = [key for key in graph.trials if key not in seconds]
    board, running, now = Board(graph, done), list[tuple[float, str]](), 0.0
    while True:
        while len(running) < at_once and (key := board.next_ready()):
            heapq.heappush(running, (now + seconds[key], key))
        if not running:
            return now
        now, ended = heapq.heappop(running)
        board.finish(ended)


def _seconds(plan: Plan, key: str, cost: Measured) -> float:
    done = len(plan.ledger.peek_rows(key))
    epochs = max(0, plan.graph.trials[key].recipe.train.epochs - done)
    return epochs * cost.epoch_seconds + cost.overhead_seconds


def _like(trial: TrialSpec) -> str:
    """Equal for trials whose epochs take equally long."""
    recipe = trial.recipe
    parts: Iterable[Any] = (
        recipe.task, recipe.model.model_dump(), recipe.data.model_dump(exclude={"path"}),
        recipe.train.batch_size, recipe.train.precision, recipe.train.augment.model_dump(),
    )  # fmt: skip
    return repr(list(parts))


def _likes(ledger: Ledger, runtime: Runtime) -> dict[str, Measured]:
    """The medians of what a store's finished trials took, by what they are like."""
    found: dict[str, list[Measured]] = {}
    for key in ledger.trial_keys():
        try:
            trial = ledger.spec(key)
            measured = _measured(ledger, trial, runtime)
        except (DamagedError, InputError):
            continue
        if measured:
            found.setdefault(_like(trial), []).append(measured)
    return {like: _median(several) for like, several in found.items()}


def _measured(ledger: Ledger, trial: TrialSpec, runtime: Runtime) -> Measured | None:
    outcome, rows = ledger.outcome(trial.key), ledger.rows(trial.key)
    if outcome is None or outcome.state != "done" or not rows:
        return None
    if outcome.provenance.get("workers") != runtime.num_workers:
        return None
    epochs = [row.train_seconds + row.eval_seconds for row in rows]
    gpu = outcome.provenance.get("gpu")
    sizes = ledger.store.sizes(Paths.trial(trial.key))
    once = len(ledger.attempts(trial.key)) == 1  # else the time between attempts would count
    spare = (outcome.wall_seconds or 0) - sum(epochs) if once else 0.0
    return Measured(
        epoch_seconds=statistics.median(epochs),
        overhead_seconds=max(0.0, spare),
        weights_bytes=sizes.get(Paths.weights(trial.key), 0),
        hardware=str(gpu or outcome.provenance.get("cpu")),
        gpu=bool(gpu),
    )


def _median(several: list[Measured]) -> Measured:
    """Of the trials on the hardware that most of them ran on."""
    hardware = statistics.mode(one.hardware for one in several)
    alike = [one for one in several if one.hardware == hardware]
    return Measured(
        epoch_seconds=statistics.median(one.epoch_seconds for one in alike),
        overhead_seconds=statistics.median(one.overhead_seconds for one in alike),
        weights_bytes=max(one.weights_bytes for one in alike),
        hardware=hardware,
        gpu=alike[0].gpu,
    )
