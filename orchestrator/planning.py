"""From a study file to what would run: images found, cells expanded, the store looked up."""

from dataclasses import dataclass
from pathlib import Path

from model.data.source import resolve
from model.errors import InputError
from orchestrator.graph import Board, State, TrialGraph, expand
from orchestrator.ledger import Ledger
from orchestrator.report.collect import board_of
from orchestrator.store import Store
from orchestrator.study import StudySpec
from orchestrator.studyfile import read


@dataclass(frozen=True)
class Plan:
    """A study that has been checked, and where its trials stand."""

    study: StudySpec
    graph: TrialGraph
    ledger: Ledger
    board: Board
    warning: str | None = None
    """Why the keys are provisional, if they are."""

    def count(self, state: State) -> int:
        """Trials in a state."""
        return sum(1 for found in self.board.states.values() if found is state)

    @property
    def asked(self) -> int:
        """Trials that the cells ask for, before equal ones become one."""
        return sum(2 if cell.pretrain else 1 for cell in self.graph.cells)

    @property
    def summary(self) -> str:
        """One line: how many trials, and where they stand."""
        counts = {state: self.count(state) for state in State}
        parts = [
            f"{self.study.name}: {self.asked} trials asked for, {len(self.graph.trials)} unique",
            f"{counts[State.CACHED]} cached",
            f"{counts[State.WAITING]} to run",
        ]
        parts += [f"{counts[s]} {s}" for s in (State.FAILED, State.SKIPPED) if counts[s]]
        return ", ".join(parts)


def make_plan(path: Path, store: str, data: Path | None = None, strict: bool = True) -> Plan:
    """Read a study, find its images, expand it and look up what its store already holds.

    Args:
        data: where the images lie, instead of what the study says.
        strict: False plans without the images; the keys then are provisional.

    Raises:
        InputError: the study, its images or the store are not usable.
    """
    from orchestrator.search import cells  # Ray: not needed to say that a study is wrong

    study, warning = _with_images(_located(read(path, data), data), strict)
    graph = expand(study, cells(study))
    ledger = Ledger(Store(store))
    ledger.store.check()
    return Plan(study, graph, ledger, board_of(graph, ledger), warning)


def _located(study: StudySpec, data: Path | None) -> StudySpec:
    """The study with the full path of its images: workers have another current folder."""
    if study.data.source == "synthetic":
        if data is not None:
            raise InputError(f"--data {data}: the study's images are synthetic, they lie nowhere")
        return study
    path = (data or study.data.path).expanduser().absolute()
    return study.model_copy(update={"data": study.data.model_copy(update={"path": path})})


def _with_images(study: StudySpec, strict: bool) -> tuple[StudySpec, str | None]:
    try:
        return study.model_copy(update={"data": resolve(study.data)}), None
    except InputError as error:
        if strict:
            raise
        return study, str(error)
