"""The searcher and Tune alone: trials that do nothing, their time and the driver's memory.

A no-op trial takes the whole road of `orchestrator.run.trainable`, but its outcome is already in
the store.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.harness.memory import resident
from bench.harness.part import Options, main
from bench.harness.result import Result, at_least, result
from bench.inputs.recipes import QUICK
from model.config.images import SyntheticImages
from orchestrator.cluster.allotment import allot
from orchestrator.cluster.connection import LOCAL, configure, connected
from orchestrator.plan.board import Board
from orchestrator.run.coordination import RunCoordinator
from orchestrator.store.leases import Leases
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.recipes import arm_cells
from orchestrator.study.spec import StudySpec


class TimedBoard(Board):
    """Notes when each trial ended, and the driver's memory then."""

    def __init__(self, graph: TrialGraph) -> None:
        super().__init__(graph)
        self.ends: list[tuple[float, float]] = []

    def finish(self, key: str, failure: str | None = None) -> None:
        """As a board's; a failure would not be a no-op."""
        super().finish(key, failure)
        assert failure is None, failure
        self.ends.append((time.perf_counter(), resident()))


class Ended(Ledger):
    """The driver's view: a trial has no outcome when it is asked whether to start it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._asked: set[str] = set()

    def outcome(self, key: str) -> Outcome | None:
        """None once, then what the store says."""
        if key not in self._asked:
            self._asked.add(key)
            return None
        return super().outcome(key)


def measure(options: Options) -> Iterator[Result]:
    """The searcher without Tune, then the whole, at each number of trials."""
    configure(LOCAL)  # before Ray is imported, which reads its settings only then
    counts = options.pick(options.trials, (8, 16))
    for count in counts:
        study, graph = _study(count)
        yield _searcher_alone(graph, options.rounds)
    for count in counts:
        study, graph = _study(count)
        yield from _with_tune(study, graph)


def _study(count: int) -> tuple[StudySpec, TrialGraph]:
    """Trials that differ by their seeds."""
    data = SyntheticImages(num_classes=2, train_per_class=1, val_per_class=1)
    seeds = tuple(range(count))
    study = StudySpec(name=f"noop-{count}", data=data, model=QUICK, seeds=seeds)
    return study, build_graph(study, arm_cells(study))


def _searcher_alone(graph: TrialGraph, rounds: int) -> Result:
    from orchestrator.run.searcher import GraphSearcher

    seconds = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="maskgrid-bench-") as folder:
            _write_outcomes(graph.trials, Path(folder))
            ledger = Ended(Store(folder))
            searcher = GraphSearcher(Board(graph), RunCoordinator(ledger, Leases(ledger.store)), {})
            began = time.perf_counter()
            for number in range(len(graph.trials)):
                searcher.suggest(str(number))
                searcher.on_trial_complete(str(number))
            seconds.append((time.perf_counter() - began) / len(graph.trials) * 1e3)
    note = "one suggestion and one end, the lease on disk taken and dropped; without Tune"
    return result(f"noop.searcher.{len(graph.trials)}", "ms a trial", seconds, note=note)


def _with_tune(study: StudySpec, graph: TrialGraph) -> Iterator[Result]:
    count = len(graph.trials)
    with TemporaryDirectory(prefix="maskgrid-bench-") as folder, connected(LOCAL):
        board, before = TimedBoard(graph), resident()
        _run(study, board, Path(folder))
    ends = [end for end, _ in board.ends]
    part = max(2, count // 10)
    first, last = _each(ends[:part]), _each(ends[-part:])
    name = f"noop.tune.{count}"
    yield result(name, "s per 1,000", [1000 * _each(ends)], note="after the first trial's end")
    yield result(
        f"{name}.last_tenth", "s per 1,000", [1000 * last], [1000 * first], less_is_better=True,
        against="the first tenth of the same run", goal=at_least(0.9),
        note="linear: the last trials end as fast as the first",
    )  # fmt: skip
    grown = [(board.ends[-1][1] - board.ends[0][1]) / (count - 1) * 1e3]
    note = f"{before:.0f} MB before the run, {board.ends[-1][1]:.0f} MB at its end"
    yield result(f"{name}.memory", "kB a trial", grown, note=note)


def _each(ends: list[float]) -> float:
    """Seconds from one end to the next."""
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def _run(study: StudySpec, board: TimedBoard, folder: Path) -> None:
    from orchestrator.cluster.nodes import room_of
    from orchestrator.run.job import StudyJob
    from orchestrator.run.tuner import run_graph

    ledger = Ended(Store(str(folder)))
    _write_outcomes(board.graph.trials, folder)
    allotment = allot(study.runtime, room_of(LOCAL))
    job = StudyJob.of_study(study, ledger.store, str(folder / "cache"), allotment)
    run_graph(study, board, ledger, job)


def _write_outcomes(trials: Mapping[str, Any], folder: Path) -> None:
    """Straight to the disk: the store would flush each file."""
    content = Outcome(state="done", finished_at="2024-01-01T00:00:00+00:00").model_dump_json()
    for key in trials:
        path = folder / Paths.outcome(key)
        path.parent.mkdir(parents=True)
        path.write_text(content)


if __name__ == "__main__":
    main(measure)
