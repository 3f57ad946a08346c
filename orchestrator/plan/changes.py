"""What an edit of a study file changes, against what the study asked for when it last ran."""

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from orchestrator.plan.board import State
from orchestrator.plan.plan import Plan
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store
from orchestrator.store.study_registry import StudyRecord, load_readable, record_of, slot_for

_NAMED = 6  # cells of a list that are named one by one

Change = tuple[str, str, str]
"""Recipe field, value before, value now."""
Asked = tuple[str | None, str]
"""A cell's pretrain and finetune trial at one seed."""
Cells = dict[str, dict[int, Asked]]
"""What each cell asks for, by name and seed."""


def show(plan: Plan, console: Console) -> None:
    """Print what changed since the study last ran in this store; nothing where nothing did."""
    for place, line in enumerate(lines(plan)):
        indent = "  " if place else ""
        shown = textwrap.fill(
            line, console.width, initial_indent=indent, subsequent_indent=indent * 2,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        console.print(shown, markup=False, highlight=False, soft_wrap=True)


def lines(plan: Plan) -> list[str]:
    """A headline and what changed, one thing a line; empty where nothing did."""
    new = record_of(plan.study, plan.graph)
    label, old = slot_for(plan.ledger.store, new)
    if old is None:
        return _of_namesake(label, new.name)
    if plan.warning:
        return [f"what changed since {label} last ran cannot be told without the images"]
    told = [*_of_cells(old, new), *_of_seeds(old, new), *_of_trials(plan, label, old, new)]
    return [f"since {label} last ran in this store:", *told] if told else []


def changes(old: StudyRecord, new: StudyRecord, before: Asked, now: Asked) -> list[Change]:
    """Recipe fields in which a cell's trials differ, by path; empty for equal trials."""
    found: dict[str, Change] = {}
    if bool(before[0]) != bool(now[0]):
        found["pretrain"] = ("pretrain", _said(bool(before[0])), _said(bool(now[0])))
    for first, second in zip(before, now, strict=True):
        if first and second and first != second:
            left, right = _fields(old.trials[first].recipe), _fields(new.trials[second].recipe)
            for path in [*left, *(path for path in right if path not in left)]:
                sides = left.get(path, "not there"), right.get(path, "not there")
                if sides[0] != sides[1]:
                    found[path] = (path, *sides)
    return list(found.values())


def _of_namesake(label: str, name: str) -> list[str]:
    if label == name:
        return []  # its first run here
    return [
        f"another study named {name} ran in this store, with no cell or trial in common:",
        f"this one is remembered as {label}, and neither touches the other's trials",
    ]


def _of_cells(old: StudyRecord, new: StudyRecord) -> list[str]:
    before, now = _by_name(old), _by_name(new)
    told = []
    for what, here, there in (("added", now, before), ("removed", before, now)):
        if names := [name for name in here if _is_missing(name, here, there)]:
            told.append(f"{what}: {_listed(names)}")
    groups: dict[str, list[str]] = defaultdict(list)
    common = [name for name in now if name in before]
    for name in common:
        for seed in now[name].keys() & before[name].keys():
            asked = before[name][seed], now[name][seed]
            if asked[0] != asked[1]:
                groups[_reason(old, new, changes(old, new, *asked))].append(name)
                break
    for reason, names in groups.items():
        every = len(names) == len(common) > 1
        told.append(f"changed: {'every cell' if every else _listed(names)}: {reason}")
    return told


def _is_missing(name: str, here: Cells, there: Cells) -> bool:
    """Whether only one side has a cell; one with another name but the same trials is the same."""
    return name not in there and here[name] not in there.values()


def _reason(old: StudyRecord, new: StudyRecord, found: list[Change]) -> str:
    if old.recipe_version != new.recipe_version:
        found = [*found, ("recipe version", str(old.recipe_version), str(new.recipe_version))]
    said = [
        "other images" if path == "data.fingerprint" else f"{path} {before} -> {now}"
        for path, before, now in found
    ]
    return ", ".join(said) or "for no reason that the store remembers"


def _of_seeds(old: StudyRecord, new: StudyRecord) -> list[str]:
    before, now = ({asked.seed for asked in note.cells} for note in (old, new))
    told = [("seeds added", now - before), ("seeds removed", before - now)]
    return [f"{what}: {', '.join(map(str, sorted(seeds)))}" for what, seeds in told if seeds]


def _of_trials(plan: Plan, label: str, old: StudyRecord, new: StudyRecord) -> list[str]:
    asked = [key for key in new.trials if key not in old.trials]
    there = sum(plan.board.states[key] is State.CACHED for key in asked)
    told = []
    if asked:
        what = "new trial" if len(asked) == 1 else "new trials"
        told.append(
            f"{len(asked)} {what}: {len(asked) - there} to train, {there} in the store already"
        )
    if again := _parents_without_weights(plan):
        told.append(f"trained again, since its weights were dropped: {_listed(again)}")
    if unused := _left_unused(plan.ledger.store, label, old.trials.keys() - new.trials.keys()):
        what = "trial stays" if unused == 1 else "trials stay"
        told.append(f"{unused} {what} in the store, unused: see `maskgrid store list`")
    return told


def _parents_without_weights(plan: Plan) -> list[str]:
    states, trials = plan.board.states, plan.graph.trials.values()
    parents = {trial.parent for trial in trials if states[trial.key] is State.WAITING}
    cached = sorted(key for key in parents if key and states[key] is State.CACHED)
    store = plan.ledger.store
    return [key for key in cached if Paths.weights(key) not in store.sizes(Paths.trial(key))]


def _left_unused(store: Store, label: str, left: set[str]) -> int:
    """How many of the trials that one study no longer asks for lie there, used by no other."""
    for other, note in load_readable(store).items() if left else ():
        if note is None:
            return 0  # it may use any of them
        left = left - note.trials.keys() if other != label else left
    return sum(store.read(Paths.spec(key)) is not None for key in left)


def _by_name(note: StudyRecord) -> Cells:
    found: Cells = defaultdict(dict)
    for asked in note.cells:
        found[asked.cell][asked.seed] = (asked.pretrain, asked.finetune)
    return found


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return "; ".join(names[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _fields(recipe: dict[str, Any]) -> dict[str, str]:
    """A recipe's values by dotted path as a study file spells it."""
    named = {recipe["kind"] if name == "train" else name: recipe[name] for name in recipe}
    return {path: _said(value) for path, value in _leaves(named) if path not in ("kind", "seed")}


def _leaves(node: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
