"""From a study and a cell's values to the two recipes of that cell."""

import copy
import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from model.config.recipe import FinetuneRecipe, PretrainRecipe
from orchestrator.study.dotted_paths import flatten
from orchestrator.study.spec import ALIASES, Arm, Scalar, StudySpec

# Data fields that only divide the images that the study's fingerprint stands for. As many synthetic
# images are made as are asked for; of a folder, `split_seed` may choose the validation images too.
_DIVIDES = {
    "synthetic": ("split_seed",),
    "tiny-imagenet": ("split_seed", "train_per_class", "dev_per_class"),
    "folder": ("train_per_class", "dev_per_class"),
}


@dataclass(frozen=True)
class Cell:
    """One point of a study: what is changed in its recipes, and whether it is pretrained."""

    name: str
    values: Mapping[str, Scalar] = field(default_factory=dict)
    """Changed recipe fields, by axis name or dotted path."""
    pretrain: bool = True

    @property
    def in_grid(self) -> bool:
        """Whether it is a point of the search space, so that its values are its name.

        Baseline and arms have names of their own, whatever they set.
        """
        return bool(self.values) and self.name in map(self._spelled, DIGITS)

    def _spelled(self, digits: int) -> str:
        return values_name(self.values, digits)


DIGITS = (6, 17)
"""Significant digits of a real number in a cell's name: few, or all where few do not tell cells
apart."""


def values_name(values: Mapping[str, Scalar], digits: int) -> str:
    """Name of the point of the search space with such values: `patch_size=4,mask_ratio=0.2`."""
    shown = {
        axis: f"{value:.{digits}g}" if isinstance(value, float) else value
        for axis, value in values.items()
    }
    return ",".join(f"{axis}={value}" for axis, value in shown.items())


def recipes(
    study: StudySpec, cell: Cell, seed: int
) -> tuple[PretrainRecipe | None, FinetuneRecipe]:
    """The cell's recipes, complete and checked.

    Raises:
        ValidationError: a value, or a combination of values, is not valid.
        KeyError: a path names no field of the recipes; the argument says which and what is near.
    """
    parts = _parts(study)
    for name, value in cell.values.items():
        _assign(parts, ALIASES.get(name, name), value)
    shared = {"seed": seed, "data": parts["data"], "model": parts["model"]}
    finetune = {"kind": "finetune", **shared, "train": parts["finetune"]}
    pretrain = {"kind": "pretrain", **shared, "train": parts["pretrain"]}
    return (
        PretrainRecipe.model_validate_json(json.dumps(pretrain), strict=True)
        if cell.pretrain
        else None,
        FinetuneRecipe.model_validate_json(json.dumps(finetune), strict=True),
    )


def arm_cells(study: StudySpec) -> list[Cell]:
    """The cells that are named one by one: the baseline first, then the study's arms."""
    baseline = [Cell("baseline", {}, pretrain=False)] if study.baseline else []
    return baseline + [Cell(arm.name, dict(arm.set), arm.pretrain) for arm in study.arms]


def mistakes(study: StudySpec) -> list[str]:
    """What is wrong with the study beyond its form, one `path: value: reason` a line."""
    found = list(dict.fromkeys(_of_cell(study, "", Cell("base", {}))))
    if found:
        return found  # every cell would repeat them
    for name, axis in study.space.items():
        for index, value in enumerate(axis.probes):
            where = f"space.{name}.{axis.kind}[{index}]: {value!r}"
            found += _of_cell(study, where, Cell(name, {name: value}))
    for index, arm in enumerate(study.arms):
        found += _of_unpretrained(index, arm)
        found += _of_cell(study, f"arms[{index}].set: {dict(arm.set)}", Cell(arm.name, arm.set))
    # The default tables may stay partly empty; tables that were asked for need their axes.
    asked = study.tables if "tables" in study.model_fields_set else ()
    for index, table in enumerate(asked):
        found += _of_table(study, index, table.rows, table.columns)
    return list(dict.fromkeys(found))


def _of_unpretrained(index: int, arm: Arm) -> Iterator[str]:
    for name, value in arm.set.items():
        if not arm.pretrain and ALIASES.get(name, name).startswith("pretrain."):
            yield f"arms[{index}].set.{name}: {value!r}: this arm has no pretraining to change"


def _of_cell(study: StudySpec, where: str, cell: Cell) -> Iterator[str]:
    try:
        recipes(study, cell, seed=0)
    except KeyError as error:
        yield f"{where}: {error.args[0]}"
    except ValidationError as error:
        for item in error.errors():
            reason = item["msg"].removeprefix("Value error, ")
            yield f"{where}: {reason}" if where else f"{_path(item['loc'])}: {reason}"


def _path(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc)) or "study"


def _of_table(study: StudySpec, index: int, *axes: str) -> Iterator[str]:
    for side, axis in zip(("rows", "columns"), axes, strict=True):
        if axis not in study.space:
            known = ", ".join(study.space) or "none"
            yield f"tables[{index}].{side}: {axis!r}: no such axis; the space has: {known}"


def _parts(study: StudySpec) -> dict[str, Any]:
    dumped = study.model_dump(mode="json", include={"data", "model", "pretrain", "finetune"})
    return copy.deepcopy(dumped)


def _assign(parts: dict[str, Any], path: str, value: Scalar) -> None:
    *parents, last = path.split(".")
    node: Any = parts
    for step in parents:
        node = node.get(step) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node or isinstance(node[last], dict):
        known = [*ALIASES, *flatten(parts)]
        near = difflib.get_close_matches(path, known, n=3, cutoff=0.4)
        raise KeyError(f"{path!r} is no recipe field; nearest: {', '.join(near) or 'none'}")
    if path.startswith("data.") and last not in _DIVIDES[parts["data"]["source"]]:
        raise KeyError(f"{path!r} says which images there are: a study has one set of them")
    node[last] = value
