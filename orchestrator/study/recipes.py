"""From a study and a cell's values to the recipes of that cell."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.config.recipe import FinetuneRecipe, PretrainRecipe, current_loss_version
from orchestrator.study.dotted_paths import flatten
from orchestrator.study.spec import ALIASES, Scalar, StudySpec

# Data fields that only divide the images that the study's fingerprint stands for. As many synthetic
# images are made as are requested; of a folder, `split_seed` may choose the validation images too.
_DIVIDING_FIELDS = {
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
        return bool(self.values) and self.name in spellings(self.values)


def spellings(values: Mapping[str, Scalar]) -> tuple[str, ...]:
    """Names of a point of the search space, such as `patch_size=4,mask_ratio=0.2`.

    The shortest first, with six digits of a real number; then with all digits; then with words in
    quotes, so that no two points have the last one in common.
    """
    return tuple(
        ",".join(f"{axis}={spelled(value)}" for axis, value in values.items())
        for spelled in (_six_digits, _all_digits, json.dumps)
    )


def _six_digits(value: Scalar) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _all_digits(value: Scalar) -> str:
    return f"{value:.17g}" if isinstance(value, float) else str(value)


class UnknownField(ValueError):
    """A path that names no recipe field, or none that a cell may change."""


def cell_recipes(
    study: StudySpec, cell: Cell, seed: int
) -> tuple[PretrainRecipe | None, FinetuneRecipe]:
    """The cell's recipes, complete and checked.

    Raises:
        ValidationError: a value, or a combination of values, is not valid.
        UnknownField: see `set_field`.
    """
    sections = study.model_dump(mode="json", include={"data", "model", "pretrain", "finetune"})
    for axis, value in cell.values.items():
        set_field(sections, ALIASES.get(axis, axis), value)
    shared = {"seed": seed, "data": sections["data"], "model": sections["model"]}
    finetune = {"kind": "finetune", **shared, "train": sections["finetune"]}
    version = current_loss_version(sections["pretrain"]["loss_region"])
    pretrain = {
        "kind": "pretrain",
        **shared,
        "loss_version": version,
        "train": sections["pretrain"],
    }
    return (
        PretrainRecipe.model_validate_json(json.dumps(pretrain), strict=True)
        if cell.pretrain
        else None,
        FinetuneRecipe.model_validate_json(json.dumps(finetune), strict=True),
    )


def set_field(sections: dict[str, Any], path: str, value: Scalar) -> None:
    """Set one field of a study's sections in place.

    Args:
        sections: `data`, `model`, `pretrain` and `finetune` as nested mappings.
        path: the field, such as `model.heads` or `pretrain.mask.ratio`.

    Raises:
        UnknownField: there is no such field, or it selects images; the message says what is near.
    """
    fields = flatten(sections)
    if path not in fields:
        near = difflib.get_close_matches(path, [*ALIASES, *fields], n=3, cutoff=0.4)
        raise UnknownField(f"{path!r} is not a recipe field; nearest: {', '.join(near) or 'none'}")
    *parents, last = path.split(".")
    if parents == ["data"] and last not in _DIVIDING_FIELDS[sections["data"]["source"]]:
        raise UnknownField(f"{path!r} selects images, and a study has one set of them")
    node = sections
    for step in parents:
        node = node[step]
    node[last] = value


def arm_cells(study: StudySpec) -> list[Cell]:
    """The cells that are named one by one: the baseline first, then the study's arms."""
    baseline = [Cell("baseline", {}, pretrain=False)] if study.baseline else []
    return baseline + [Cell(arm.name, dict(arm.set), arm.pretrain) for arm in study.arms]
