"""The trial graph: which trials a study needs, and which of them wait for which.

A trial's key is the hash of all that changes its result, its parent included. Whoever asks for the
same pretraining (ten finetunes, three arms, next month's study) asks for the same key, so it is
trained once, and what a store already holds is found again.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from model.config.base import Config
from model.config.recipe import FinetuneRecipe, PretrainRecipe, Recipe
from orchestrator.study.recipes import Cell, cell_recipes
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
    def parents(self) -> tuple[str, ...]:
        """Keys of the trials that have to be done before this one starts."""
        return (self.parent,) if self.parent else ()

    @property
    def kind(self) -> str:
        """`pretrain` or `finetune`."""
        return self.recipe.kind


def trial_key(recipe: Recipe, parent: str | None) -> str:
    """`<kind>-<12 hex digits>`: equal for equal results, wherever the images lie."""
    content = {
        "recipe": recipe.public(),
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

    @property
    def keys(self) -> tuple[str, ...]:
        """The cell's trials, parents first."""
        return tuple(filter(None, (self.pretrain, self.finetune)))

    def key(self, kind: str) -> str | None:
        """The cell's trial of a kind."""
        return self.pretrain if kind == "pretrain" else self.finetune


@dataclass(frozen=True)
class TrialGraph:
    """All trials of a study in the order they are wanted, each parent before its children."""

    trials: dict[str, TrialSpec]
    cells: tuple[CellTrials, ...]

    def cells_of(self, key: str) -> list[CellTrials]:
        """The cells that ask for a trial, one entry a seed, in the study's order."""
        return self._askers[key]

    def names_of(self, key: str) -> list[str]:
        """Names of the cells that ask for a trial, each once."""
        return list(dict.fromkeys(asker.cell.name for asker in self._askers[key]))

    @cached_property
    def _askers(self) -> dict[str, list[CellTrials]]:
        askers: dict[str, list[CellTrials]] = {key: [] for key in self.trials}
        for cell in self.cells:
            for key in cell.keys:
                askers[key].append(cell)
        return askers


def build_graph(study: StudySpec, cells: Iterable[Cell]) -> TrialGraph:
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
        return cell_recipes(study, cell, seed)
    except ValidationError as error:
        reasons = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise StudyError(study.name, [f"cell {cell.name}: {reasons}"]) from None


def _add(trials: dict[str, TrialSpec], recipe: Recipe, parent: str | None) -> str:
    key = trial_key(recipe, parent)
    trials.setdefault(key, TrialSpec(key=key, recipe=recipe, parent=parent))
    return key
