"""Changes that an edit of a study file makes, against the study as it last ran in a store."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from rich.console import Console

from model.errors import listed
from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.store.study_registry import (
    RecordedCell,
    RecordedTrial,
    Slot,
    StudyRecord,
    load_readable,
)
from orchestrator.study.dotted_paths import flatten

_MOST_NAMED = 6  # cells or trials that a line names one by one


class Change(NamedTuple):
    """One recipe field, by its path in a study file, and its values as a file would spell them."""

    path: str
    before: str
    now: str

    def __str__(self) -> str:
        if self.path == "data.fingerprint":
            return "other images"
        return f"{self.path} {self.before} -> {self.now}"


CellsByName = dict[str, dict[int, RecordedCell]]
"""The cells of a study by name, then by seed."""


def print_changes(plan: Plan, console: Console) -> None:
    """Print what changed since the study last ran in this store; nothing where nothing did."""
    for place, line in enumerate(change_lines(plan)):
        indent = "  " if place else ""
        wrapped = textwrap.fill(
            line, console.width, initial_indent=indent, subsequent_indent=indent * 2,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        console.print(wrapped, markup=False, highlight=False, soft_wrap=True)


def change_lines(plan: Plan) -> list[str]:
    """A headline and what changed, one thing a line; empty where nothing did."""
    slot = plan.slot
    if slot.last is None:
        return _first_run(slot)
    if plan.warning:
        return [f"changes since {slot.label} last ran are unknown without the images"]
    changes = [
        *_image_lines(slot.last, slot.now),
        *_cell_lines(slot.last, slot.now),
        *_seed_lines(slot.last, slot.now),
        *_trial_lines(plan, slot.label, slot.last, slot.now),
    ]
    return [f"since {slot.label} last ran in this store:", *changes] if changes else []


def changed_fields(
    old: dict[str, RecordedTrial], new: dict[str, RecordedTrial]
) -> tuple[Change, ...]:
    """Stages that came or went, and recipe fields with another value, each path once.

    Args:
        old: a cell's trials at one seed, by stage.
        new: the trials that it asks for now.
    """
    changes: dict[str, Change] = {}
    for stage in dict.fromkeys([*old, *new]):
        if stage not in old or stage not in new:
            changes[stage] = Change(stage, _text(stage in old), _text(stage in new))
            continue
        before, now = _fields(stage, old[stage].recipe), _fields(stage, new[stage].recipe)
        for path in dict.fromkeys([*before, *now]):
            values = before.get(path, "not there"), now.get(path, "not there")
            if values[0] != values[1]:
                changes[path] = Change(path, *values)
    return tuple(changes.values())


def _first_run(slot: Slot) -> list[str]:
    name = slot.now.name
    if slot.label == name:
        return []
    return [
        f"another study named {name} ran in this store, with no cell or trial in common:",
        f"this one is recorded as {slot.label}, and neither touches the other's trials",
    ]


def _image_lines(old: StudyRecord, new: StudyRecord) -> Iterable[str]:
    if not old.fingerprints & new.fingerprints:
        yield "the images changed, and with them every trial"


def _cell_lines(old: StudyRecord, new: StudyRecord) -> Iterable[str]:
    before, now = _by_name(old), _by_name(new)
    if added := _only_in(now, before):
        yield f"added: {listed(added, _MOST_NAMED)}"
    if removed := _only_in(before, now):
        yield f"removed: {listed(removed, _MOST_NAMED)}"
    common = [name for name in now if name in before]
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name in common:
        if reason := _why_changed(old, new, before[name], now[name]):
            by_reason[reason].append(name)
    for reason, names in by_reason.items():
        every = len(names) == len(common) > 1
        yield f"changed: {'every cell' if every else listed(names, _MOST_NAMED)}: {reason}"


def _only_in(here: CellsByName, there: CellsByName) -> list[str]:
    """Cells that one side lacks; one with another name but the same trials is the same cell."""
    trials = {_keys(cell) for cell in there.values()}
    return [name for name in here if name not in there and _keys(here[name]) not in trials]


def _keys(cell: dict[int, RecordedCell]) -> frozenset[tuple[int, str]]:
    """A cell's trials at each seed."""
    return frozenset((seed, key) for seed, asked in cell.items() for key in asked.keys.values())


def _why_changed(
    old: StudyRecord,
    new: StudyRecord,
    before: dict[int, RecordedCell],
    now: dict[int, RecordedCell],
) -> str | None:
    """Reason why a cell has other trials than before; None where it has the same."""
    seeds = sorted(before.keys() & now.keys())
    seed = next((seed for seed in seeds if before[seed].keys != now[seed].keys), None)
    if seed is None:
        return None
    # The first seed that differs speaks for the cell: an edit changes a cell at every seed alike.
    changes = changed_fields(old.trials_of(before[seed]), new.trials_of(now[seed]))
    if old.recipe_version != new.recipe_version:
        version = Change("recipe version", str(old.recipe_version), str(new.recipe_version))
        changes = (*changes, version)
    return ", ".join(map(str, changes)) or "for no reason that the store records"


def _seed_lines(old: StudyRecord, new: StudyRecord) -> Iterable[str]:
    before, now = ({cell.seed for cell in record.cells} for record in (old, new))
    for what, seeds in (("seeds added", now - before), ("seeds removed", before - now)):
        if seeds:
            yield f"{what}: {', '.join(map(str, sorted(seeds)))}"


def _trial_lines(plan: Plan, label: str, old: StudyRecord, new: StudyRecord) -> Iterable[str]:
    if added := [key for key in new.trials if key not in old.trials]:
        stored = sum(plan.board.states[key] is State.CACHED for key in added)
        what = "new trial" if len(added) == 1 else "new trials"
        yield f"{len(added)} {what}: {len(added) - stored} to train, {stored} in the store already"
    if plan.lost_inputs:
        yield f"trained again, since the weights are gone: {listed(plan.lost_inputs, _MOST_NAMED)}"
    if unused := _unused(plan.ledger.store, label, old.trials.keys() - new.trials.keys()):
        what = "trial stays" if unused == 1 else "trials stay"
        yield f"{unused} {what} in the store, unused: see `maskgrid store list`"


def _unused(store: Store, label: str, keys: set[str]) -> int:
    """Number of the trials that a study dropped and no other uses, but the store holds."""
    if not keys:
        return 0
    others = {other: record for other, record in load_readable(store).items() if other != label}
    if None in others.values():
        return 0  # a study whose record cannot be read may use any of them
    used = set[str]().union(*(record.trials for record in others.values() if record))
    return sum(store.read(Paths.spec(key)) is not None for key in keys - used)


def _by_name(record: StudyRecord) -> CellsByName:
    cells: CellsByName = defaultdict(dict)
    for cell in record.cells:
        cells[cell.cell][cell.seed] = cell
    return dict(cells)


def _fields(stage: str, recipe: dict[str, Any]) -> dict[str, str]:
    """A recipe's values by dotted path as a study file spells it."""
    named = {stage if name == "train" else name: recipe[name] for name in recipe}
    no_choice = ("kind", "task", "seed")  # `kind` in what was recorded before there were tasks
    return {path: _text(v) for path, v in flatten(named).items() if path not in no_choice}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
