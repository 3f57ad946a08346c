"""From a study and a cell's values to the recipes of that cell's stages."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from model.config.recipe import Recipe
from model.config.terms import NEED_TEACHER, is_off
from orchestrator.study.axes import Setting
from orchestrator.study.sections import Sections, complete, sections_of, set_field
from orchestrator.study.spec import StudySpec
from orchestrator.study.stages import ROLES, in_order, needed, sinks

_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_NOT_TRAINING = ("task", "data", "model", "seed", *ROLES)


@dataclass(frozen=True)
class Cell:
    """One point of a study: what is changed in its recipes."""

    name: str
    values: Mapping[str, Setting] = field(default_factory=dict)
    """Changed fields, by axis name or dotted path."""
    from_scratch: bool = False
    """Whether its last stage has no inputs."""

    @property
    def in_grid(self) -> bool:
        """Whether it is a point of the search space, so that its values are its name.

        Baseline and arms have names of their own, whatever they set.
        """
        return bool(self.values) and self.name in spellings(self.values)


@dataclass(frozen=True)
class StageRecipe:
    """One stage of a cell: its recipe, and the stages that it takes something from."""

    recipe: Recipe
    inputs: Mapping[str, str]
    """Role -> stage."""


class InvalidRecipe(ValueError):
    """Values that no recipe of a stage's task allows."""

    def __init__(self, stage: str, error: ValidationError) -> None:
        self.stage = stage
        # The first step of a place is the task, which is no key.
        self.mistakes = [
            (".".join(map(str, item["loc"][1:])), item["msg"].removeprefix("Value error, "))
            for item in error.errors()
        ]
        """Path in the recipe, and reason."""
        super().__init__("; ".join(reason for _, reason in self.mistakes))


def spellings(values: Mapping[str, Setting]) -> tuple[str, ...]:
    """Names of a point of the search space, such as `patch_size=4,mask_ratio=0.2`.

    The shortest first, with six digits of a real number; then with all digits; then with words in
    quotes, so that no two points have the last one in common.
    """
    return tuple(
        ",".join(f"{axis}={spelled(value)}" for axis, value in values.items())
        for spelled in (_six_digits, _all_digits, json.dumps)
    )


def _six_digits(value: Setting) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _all_digits(value: Setting) -> str:
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def cell_recipes(study: StudySpec, cell: Cell, seed: int) -> dict[str, StageRecipe]:
    """The cell's recipes by stage at one seed; see `cell_sections` and `stage_recipes`."""
    return stage_recipes(study, cell_sections(study, cell), seed)


def stage_recipes(study: StudySpec, sections: Sections, seed: int) -> dict[str, StageRecipe]:
    """Recipes by stage, complete and checked, each after its inputs.

    A stage that no requested stage needs is left out.

    Args:
        sections: those of a cell, as `cell_sections` returns them.

    Raises:
        InvalidRecipe: a value, or a combination of values, is not valid.
        ValueError: stages take inputs from each other in a circle.
    """
    inputs = {stage: _inputs(sections[stage]) for stage in study.stages}
    wanted = needed(sinks(study.inputs), inputs)
    return {
        stage: StageRecipe(_recipe(stage, sections[stage], seed), inputs[stage])
        for stage in in_order(inputs)
        if stage in wanted
    }


def cell_sections(study: StudySpec, cell: Cell) -> Sections:
    """The study's sections with the cell's values, everything filled in.

    Raises:
        UnknownField: see `set_field`.
    """
    sections = sections_of(study)
    for axis, value in cell.values.items():
        set_field(study, sections, study.aliases.get(axis, axis), value)
    if cell.from_scratch:
        for stage in sinks(study.inputs):
            sections[stage] |= {role: None for role in ROLES if role in sections[stage]}
    for stage, roles in study.inputs.items():
        if "teacher" in roles:
            _cut_together(sections[stage], study.stages[stage].model_dump(include={"terms"}))
    return complete(study, sections)


def _cut_together(section: dict[str, Any], before: Mapping[str, Any]) -> None:
    """A teacher and the terms that need it: where a cell cuts one, the other goes with it."""
    if section["teacher"] is None:
        section["terms"] = {
            n: term for n, term in section["terms"].items() if n not in NEED_TEACHER
        }
    elif _needs_teacher(before["terms"]) and not _needs_teacher(section["terms"]):
        section["teacher"] = None


def _needs_teacher(terms: Mapping[str, Any]) -> bool:
    return not all(is_off(terms.get(name)) for name in NEED_TEACHER)


def _inputs(section: Mapping[str, Any]) -> dict[str, str]:
    return {role: section[role] for role in ROLES if section.get(role)}


def _recipe(stage: str, section: Mapping[str, Any], seed: int) -> Recipe:
    train = {name: value for name, value in section.items() if name not in _NOT_TRAINING}
    own = section["seed"]
    content = {
        "task": section["task"],
        "seed": seed if own is None else own,
        "data": section["data"],
        "model": section["model"],
        "train": train,
    }
    try:
        return _RECIPE.validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise InvalidRecipe(stage, error) from None


def arm_cells(study: StudySpec) -> list[Cell]:
    """The cells that are named one by one: the baseline first, then the study's arms."""
    baseline = [Cell("baseline", {}, from_scratch=True)] if study.baseline else []
    return baseline + [
        Cell(arm.name, dict(arm.set), not arm.pretrain) for arm in study.arms if not arm.cross
    ]
