"""From a study file to what would run: images found, cells expanded, the store looked up."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from model.config.images import DataConfig
from model.config.recipe import remarks
from orchestrator.plan.board import Board, State, board_of
from orchestrator.plan.images import located, with_images
from orchestrator.store.ledger import Ledger, Outcome
from orchestrator.store.store import Store
from orchestrator.store.study_registry import Slot, record_of, slot_for
from orchestrator.study.file import read_study
from orchestrator.study.graph import TrialGraph, build_graph
from orchestrator.study.spec import StudySpec


@dataclass(frozen=True)
class Plan:
    """A study that has been checked, and where its trials stand."""

    study: StudySpec
    graph: TrialGraph
    ledger: Ledger
    board: Board
    warning: str | None = None
    """Why the keys are provisional, if they are."""
    again: dict[str, Outcome] = field(default_factory=dict)
    """Trials that ended and would be trained again, and how they ended; see `with_retries`."""
    notes: tuple[str, ...] = ()
    """What a person should know of the images and of the settings, a line each."""

    def count(self, state: State) -> int:
        """Trials in a state."""
        return self.board.count(state)

    @property
    def asked(self) -> int:
        """Trials that the cells ask for, before equal ones become one."""
        return sum(len(cell.keys) for cell in self.graph.cells)

    @property
    def data_to_train_on(self) -> list[DataConfig]:
        """Images of the trials to run: an axis may change how many there are."""
        waiting = [key for key, state in self.board.states.items() if state is State.WAITING]
        asked = [self.graph.trials[key].recipe.data for key in waiting]
        return list({repr(data): data for data in asked}.values())

    @property
    def lost_inputs(self) -> list[str]:
        """Trials that were done and are trained again, for a child that needs their weights."""
        return [key for key, outcome in self.again.items() if outcome.state == "done"]

    @cached_property
    def slot(self) -> Slot:
        """The study's place in the store's registry, and its record of the last run."""
        return slot_for(self.ledger.store, record_of(self.study, self.graph))

    @property
    def summary(self) -> str:
        """One line: how many trials, and where they stand."""
        counts = {state: self.count(state) for state in State}
        parts = [
            f"{self.study.name}: {self.asked} trials requested, {len(self.graph.trials)} unique",
            f"{counts[State.CACHED]} cached",
            f"{counts[State.WAITING]} to run",
        ]
        parts += [f"{len(self.again)} of them again"] if self.again else []
        parts += [f"{counts[s]} {s}" for s in (State.FAILED, State.SKIPPED) if counts[s]]
        return ", ".join(parts)


def make_plan(
    path: Path,
    store: str,
    data: Path | None = None,
    strict: bool = True,
    existing: bool = False,
) -> Plan:
    """Read a study, find its images, expand it and look up what its store already holds.

    Args:
        data: path of the images, instead of the study's.
        strict: False plans without the images where there are none; keys then are provisional.
        existing: refuse a store that is not there.

    Raises:
        InputError: the study, its images or the store are not usable.
    """
    from orchestrator.study.space import (
        expand_space,  # Ray: not needed to say that a study is wrong
    )

    study, notes, warning = with_images(located(read_study(path, data)), strict)
    graph = build_graph(study, expand_space(study))
    ledger = Ledger(Store(store))
    ledger.store.check(existing)
    notes = (*notes, *_remarks(graph))
    return Plan(study, graph, ledger, board_of(graph, ledger), warning, notes=notes)


def _remarks(graph: TrialGraph) -> Iterator[str]:
    """Settings that are valid but may not do what their author expects, a line each."""
    sentences = Counter(remark for t in graph.trials.values() for remark in remarks(t.recipe))
    for sentence, count in sentences.items():
        yield f"{sentence} ({count} of {len(graph.trials)} trials)"


def with_retries(plan: Plan, retry_failed: bool = False) -> Plan:
    """The plan as `run` takes it: with the trials that ended and have to be trained again.

    Those are failures that the moment was to blame for, and inputs whose weights a trial that is
    not done needs but the store has lost.

    Args:
        retry_failed: train again what failed by its recipe, too.
    """
    failed = {key: plan.ledger.outcome(key) for key in plan.board.failures}
    ended = {key: outcome for key, outcome in failed.items() if outcome}
    again = {key: how for key, how in ended.items() if retry_failed or not how.final}
    again |= _lost_inputs(plan, again)
    done = [key for key, state in plan.board.states.items() if state is State.CACHED]
    left = {key: why for key, why in plan.board.failures.items() if key not in again}
    board = Board(plan.graph, [key for key in done if key not in again], left)
    return replace(plan, board=board, again=again)


def _lost_inputs(plan: Plan, again: Iterable[str]) -> dict[str, Outcome]:
    """Finished trials without weights that trials to be trained need, and those need in turn."""
    states, trials = plan.board.states, plan.graph.trials
    wanted = [key for key, state in states.items() if state is State.WAITING] + [*again]
    lost: dict[str, Outcome] = {}
    seen: set[str] = set()
    while wanted:
        for source in trials[wanted.pop()].inputs.values():
            if source in seen or states[source] is not State.CACHED:
                continue
            seen.add(source)
            outcome = plan.ledger.outcome(source)
            if outcome and not plan.ledger.has_weights(source):
                lost[source] = outcome
                wanted.append(source)
    return lost
