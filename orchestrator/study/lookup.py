"""Lookup of a cell by its name, a shorter spelling, or the key of one of its trials."""

import difflib
import math
from collections.abc import Iterable

from model.errors import InputError, listed
from orchestrator.study.axes import Setting
from orchestrator.study.graph import CellTrials, TrialGraph

_MOST_LISTED = 12


def find_cell(graph: TrialGraph, text: str) -> list[CellTrials]:
    """The trials of one cell, one entry a seed; of one seed alone where a trial is named.

    Args:
        text: a cell's name, its values (`4x4,20%`, `4,0.2`, `mask_ratio=0.2,patch_size=4`), or the
            beginning of a trial's key, with or without its kind.

    Raises:
        InputError: no cell is meant, or several trials; the message lists what is near.
    """
    named = [asked for asked in graph.cells if asked.cell.name == text]
    spelt = [asked for asked in graph.cells if _spells(text, asked)]
    if found := named or spelt:
        return [asked for asked in found if asked.cell.name == found[0].cell.name]
    keys = [key for key in graph.trials if text and _begins(text, key)]
    if len(keys) > 1:
        raise InputError(f"cell {text!r}: matches several trials: {listed(keys, _MOST_LISTED)}")
    if not keys:
        raise InputError(_unknown(graph, text))
    return graph.cells_of(keys[0])[:1]


def _begins(text: str, key: str) -> bool:
    return key.startswith(text) or key.partition("-")[2].startswith(text)


def _spells(text: str, asked: CellTrials) -> bool:
    if not asked.cell.in_grid:
        return False  # a cell with a name of its own is called by it
    parts = [part.rpartition("=") for part in text.split(",")]
    left = dict(asked.cell.values)
    for axis, equals, said in parts:
        if equals and not _is(said, left.pop(axis.strip(), None)):
            return False
    bare = [said for _, equals, said in parts if not equals]
    return len(bare) == len(left) and all(map(_is, bare, left.values()))


def _is(said: str, value: Setting | None) -> bool:
    said = said.strip()
    if value is None or isinstance(value, bool | str | dict):
        return said == str(value)
    number = _number(said)
    return number is not None and math.isclose(number, value, rel_tol=1e-5)


def _number(said: str) -> float | None:
    """`4`, `4x4`, `0.2` or `20 %` as a number."""
    one, _, other = said.partition("x")
    scale = 0.01 if said.endswith("%") else 1.0
    try:
        return scale * float((one if one == other else said).rstrip("% "))
    except ValueError:
        return None


def _unknown(graph: TrialGraph, text: str) -> str:
    names = list(dict.fromkeys(asked.cell.name for asked in graph.cells))
    near = difflib.get_close_matches(text, names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    choices = listed(names, _MOST_LISTED)
    return f"cell {text!r}: no such cell; {hint}choices: {choices}; or a trial's key"


def find_trial(keys: Iterable[str], text: str) -> str:
    """The one trial whose key begins with a text, with or without its kind.

    Raises:
        InputError: there is none, or there are several.
    """
    known = list(keys)
    matches = [key for key in known if text and _begins(text, key)]
    if len(matches) == 1 or text in matches:
        return text if text in matches else matches[0]
    problem = "matches several trials" if matches else "no trial in the store matches; it has"
    raise InputError(
        f"trial {text!r}: {problem}: {listed(matches or known, _MOST_LISTED) or 'none'}"
    )
