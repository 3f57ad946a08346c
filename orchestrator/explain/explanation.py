"""From one cell of a table back to all that made its numbers: trials, recipes, code, machines."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from model.config.base import Config
from model.config.images import TinyImageNet
from model.config.network import ModelConfig
from model.config.recipe import Recipe
from model.config.training import ClassifyConfig, RestoreConfig
from orchestrator.plan.board import State, board_now
from orchestrator.plan.plan import Plan
from orchestrator.report.records.epoch_selection import chosen_rows
from orchestrator.study.axes import Setting
from orchestrator.study.dotted_paths import flatten
from orchestrator.study.graph import CellTrials
from orchestrator.study.lookup import find_cell
from orchestrator.study.tables import Table


@dataclass(frozen=True)
class Number:
    """One number that a table reads from one trial."""

    table: str
    title: str
    seed: int
    trial: str
    metric: str
    value: float | None
    """None while the trial is not done, or has no such metric."""
    epoch: int | None
    """Epoch it was read at, from 1."""
    select: str
    """Rule that chose the epoch: `last` or `best_on_dev`."""


@dataclass(frozen=True)
class Trial:
    """One trial and where it came from."""

    key: str
    task: str
    stages: tuple[str, ...]
    inputs: dict[str, str]
    """Role -> key."""
    seed: int
    cells: tuple[str, ...]
    """Every cell of the study that uses the trial."""
    state: str
    reason: str | None
    """Reason why it failed or was skipped."""
    epochs: int
    epochs_done: int
    restarts: int
    started_at: str | None
    finished_at: str | None
    wall_seconds: float | None
    """First start to end, waiting between attempts included."""
    train_seconds: float
    """Training steps alone."""
    fingerprint: str | None
    """Content of the images."""
    provenance: dict[str, Any]
    """`commit`, `dirty`, `versions`, `python`, `cpu`, `gpu`, `workers`...; empty until the end."""
    differs: dict[str, Any]
    """Recipe fields, by path, that are not the default, which is the paper's."""
    defaults: dict[str, Any]
    """The defaults of those fields; None where there is no such field."""
    recipe: dict[str, Any]
    """The whole recipe, without the place of the images."""


@dataclass(frozen=True)
class Explanation:
    """All about one cell."""

    study: str
    cell: str
    values: dict[str, Setting]
    """Fields that the cell changes, by axis or path, and their values."""
    numbers: tuple[Number, ...]
    trials: tuple[Trial, ...]

    def as_json(self) -> dict[str, Any]:
        """A JSON object; the names in it are those of these classes' fields."""
        return asdict(self)


def explain(plan: Plan, text: str) -> Explanation:
    """Explain the cell that a text means.

    Raises:
        InputError: the text means no cell; see `find_cell`.
    """
    plan = replace(plan, board=board_now(plan.graph, plan.ledger))
    trials_of_cell = find_cell(plan.graph, text)
    cell = trials_of_cell[0].cell
    keys = [key for one in trials_of_cell for key in one.keys]
    return Explanation(
        study=plan.study.name,
        cell=cell.name,
        values=dict(cell.values),
        numbers=tuple(_numbers(plan, trials_of_cell)),
        trials=tuple(_trial(plan, key) for key in dict.fromkeys(keys)),
    )


def _numbers(plan: Plan, seeds: list[CellTrials]) -> Iterator[Number]:
    for table in plan.study.tables:
        for one in seeds:
            if key := one.trials.get(table.stage):
                yield _number(plan, table, one.seed, key)


def _number(plan: Plan, table: Table, seed: int, key: str) -> Number:
    done = plan.board.states[key] is State.DONE
    row = chosen_rows(table, plan.ledger.epochs(key)).get(key, {}) if done else {}
    return Number(
        table=table.name,
        title=table.title,
        seed=seed,
        trial=key,
        metric=table.metric,
        value=row.get(table.metric),
        epoch=row.get("epoch"),
        select=table.select,
    )


def _trial(plan: Plan, key: str) -> Trial:
    spec, ledger = plan.graph.trials[key], plan.ledger
    outcome, rows, notes = ledger.outcome(key), ledger.rows(key), ledger.notes(key)
    recipe = spec.recipe.public()
    ours, usual = flatten(recipe), flatten(_defaults(spec.recipe))
    differs = [path for path in ours if path not in _NO_CHOICE and ours[path] != usual.get(path)]
    return Trial(
        key=key,
        task=spec.task,
        stages=tuple(plan.graph.stages_of(key)),
        inputs=spec.inputs,
        seed=spec.recipe.seed,
        cells=tuple(plan.graph.names_of(key)),
        state=plan.board.states[key].value,
        reason=plan.board.reason(key),
        epochs=spec.recipe.train.epochs,
        epochs_done=len(rows),
        restarts=max(0, len(notes) - 1),
        started_at=notes[0].get("started_at") if notes else None,
        finished_at=outcome.finished_at if outcome else None,
        wall_seconds=outcome.wall_seconds if outcome else None,
        train_seconds=sum(row.train_seconds for row in rows),
        fingerprint=spec.recipe.data.fingerprint,
        provenance=outcome.provenance if outcome else {},
        differs={path: ours[path] for path in differs},
        defaults={path: usual.get(path) for path in differs},
        recipe=recipe,
    )


# What names a trial's images and draws, or what it is, rather than how it was trained.
_NO_CHOICE = ("seed", "task", "data.fingerprint")


def _defaults(recipe: Recipe) -> dict[str, Any]:
    """The recipe of the same task that nothing was said about: the paper's."""
    train = RestoreConfig() if recipe.task == "restore" else ClassifyConfig()
    data = TinyImageNet(source="tiny-imagenet", path=Path())
    parts: dict[str, Config] = {"data": data, "model": ModelConfig(), "train": train}
    return {name: part.model_dump(mode="json") for name, part in parts.items()}
