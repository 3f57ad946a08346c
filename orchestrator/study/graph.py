"""The trial graph: which trials a study needs, who waits for whom, and who is ready.

A trial's key is the hash of all that changes its result, its parent included. Whoever asks for the
same pretraining (ten finetunes, three arms, next month's study) asks for the same key, so it is
trained once, and what a store already holds is found again.
"""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from model.config.recipe import Config, FinetuneRecipe, PretrainRecipe, Recipe
from orchestrator.study.recipes import Cell, recipes
from orchestrator.study.spec import StudyError, StudySpec

# Raise it when the same recipe would train to another result: old trials are then not reused.
RECIPE_VERSION = 1


class TrialSpec(Config):
    """One trial: what to train, and whose weights to start from."""

    key: str
    recipe: Recipe
    parent: str | None = None
    """Key of the pretrain trial it starts from; None starts from fresh weights."""

    @property
    def kind(self) -> str:
        """`pretrain` or `finetune`."""
        return self.recipe.kind


def trial_key(recipe: PretrainRecipe | FinetuneRecipe, parent: str | None) -> str:
    """`<kind>-<12 hex digits>`: equal for equal results, wherever the images lie."""
    content = {
        "recipe": recipe.model_dump(mode="json", exclude={"data": {"path"}}),
        "version": RECIPE_VERSION,
        "parent": parent,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"{recipe.kind}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class CellTrials:
    """The trials that one cell asks for at one seed."""

    cell: Cell
    seed: int
    pretrain: str | None
    finetune: str

    def key(self, kind: str) -> str | None:
        """The cell's trial of a kind."""
        return self.pretrain if kind == "pretrain" else self.finetune


@dataclass(frozen=True)
class TrialGraph:
    """All trials of a study in the order they are wanted, each parent before its children."""

    trials: dict[str, TrialSpec]
    cells: tuple[CellTrials, ...]


def expand(study: StudySpec, cells: Iterable[Cell]) -> TrialGraph:
    """Turn a study's cells into its graph; equal trials become one.

    Raises:
        StudyError: a combination of axis values that no recipe allows.
    """
    trials: dict[str, TrialSpec] = {}
    asked: list[CellTrials] = []
    wanted = list(cells)
    for seed in study.seeds:
        for cell in wanted:
            pretrain, finetune = _checked(study, cell, seed)
            parent = _add(trials, pretrain, None) if pretrain else None
            asked.append(CellTrials(cell, seed, parent, _add(trials, finetune, parent)))
    return TrialGraph(trials, tuple(asked))


def _checked(
    study: StudySpec, cell: Cell, seed: int
) -> tuple[PretrainRecipe | None, FinetuneRecipe]:
    try:
        return recipes(study, cell, seed)
    except ValidationError as error:
        reasons = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise StudyError(study.name, [f"cell {cell.name}: {reasons}"]) from None


def _add(
    trials: dict[str, TrialSpec], recipe: PretrainRecipe | FinetuneRecipe, parent: str | None
) -> str:
    key = trial_key(recipe, parent)
    trials.setdefault(key, TrialSpec(key=key, recipe=recipe, parent=parent))
    return key


# waiting -> running -> done | failed ; waiting -> skipped when a parent failed or was skipped ;
# cached is what was found done before this run began
class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"


_FINISHED = (State.DONE, State.CACHED)


class Board:
    """Where every trial of a graph stands; knows neither Ray nor the disk.

    Each call costs the same however many trials there are.
    """

    def __init__(
        self, graph: TrialGraph, done: Iterable[str] = (), failed: Mapping[str, str] | None = None
    ) -> None:
        self.graph = graph
        self.failures: dict[str, str] = dict(failed or {})
        """Why each failed trial failed."""
        self.states = dict.fromkeys(graph.trials, State.WAITING)
        self._children: dict[str, list[str]] = defaultdict(list)
        for trial in graph.trials.values():
            if trial.parent:
                self._children[trial.parent].append(trial.key)
        self.states.update(dict.fromkeys(done, State.CACHED))
        for key in self.failures:
            self.states[key] = State.FAILED
            self._skip_children(key)
        # A ready child goes before a new parent: pairs are completed early, so that a table
        # with gaps is useful before the study ends.
        self._ready_children: deque[str] = deque()
        self._ready_parents: deque[str] = deque()
        for key in graph.trials:
            self._queue_if_ready(key)

    def next_ready(self, free: Callable[[str], bool] = lambda key: True) -> str | None:
        """Start the next trial: mark it running and return its key; None if none is ready.

        Args:
            free: tells whether a ready trial may be started now; passed over where it may not.
        """
        for queue in (self._ready_children, self._ready_parents):
            for key in queue:
                if free(key):
                    queue.remove(key)
                    self.states[key] = State.RUNNING
                    return key
        return None

    @property
    def any_ready(self) -> bool:
        """Whether there is a trial that could be started."""
        return bool(self._ready_children or self._ready_parents)

    def finish(self, key: str, failure: str | None = None) -> None:
        """The trial ended, here or elsewhere: its children become ready, or skipped if it failed
        for a reason."""
        for queue in (self._ready_children, self._ready_parents):
            if self.states[key] is State.WAITING and key in queue:
                queue.remove(key)
        self.states[key] = State.FAILED if failure else State.DONE
        if failure:
            self.failures[key] = failure
            self._skip_children(key)
            return
        for child in self._children[key]:
            self._queue_if_ready(child)

    def stop(self) -> None:
        """Nothing is at work any more: what was running waits for another run."""
        for key in self.running:
            self.states[key] = State.WAITING

    def reason(self, key: str) -> str | None:
        """Why a trial failed or was skipped; None for any other."""
        if self.states[key] is not State.SKIPPED:
            return self.failures.get(key)
        parent = self.graph.trials[key].parent
        assert parent is not None, key
        return f"its parent {parent} failed"

    @property
    def running(self) -> list[str]:
        """Keys that an executor holds."""
        return [key for key, state in self.states.items() if state is State.RUNNING]

    @property
    def complete(self) -> bool:
        """Whether every trial is done: the only case that deserves exit code 0."""
        return all(state in _FINISHED for state in self.states.values())

    def _queue_if_ready(self, key: str) -> None:
        parent = self.graph.trials[key].parent
        if self.states[key] is not State.WAITING:
            return
        if parent is None:
            self._ready_parents.append(key)
        elif self.states[parent] in _FINISHED:
            self._ready_children.append(key)

    def _skip_children(self, key: str) -> None:
        for child in self._children[key]:
            if self.states[child] is State.WAITING:
                self.states[child] = State.SKIPPED
                self._skip_children(child)
