"""Mistakes of a study beyond its form: values and combinations that no recipe allows."""

import difflib
from collections.abc import Iterator, Mapping

from model.config.images import classes_given
from model.config.recipe import ClassifyRecipe
from orchestrator.study.axes import Setting
from orchestrator.study.metrics import metrics_of
from orchestrator.study.recipes import (
    Cell,
    InvalidRecipe,
    StageRecipe,
    cell_recipes,
    cell_sections,
)  # fmt: skip
from orchestrator.study.sections import UnknownField
from orchestrator.study.spec import StudySpec
from orchestrator.study.stages import NONE, ROLES, in_order

Mistake = tuple[str, str]
"""Path and reason."""


def find_mistakes(study: StudySpec) -> list[str]:
    """Everything that is wrong with the study, each once, as `path: value: reason`."""
    # Every cell would repeat what is wrong with the study's own values.
    mistakes = list(check_own_values(study)) or [
        *check_axes(study),
        *check_arms(study),
        *check_tables(study),
    ]
    return list(dict.fromkeys(mistakes))


def check_own_values(study: StudySpec) -> Iterator[str]:
    """Mistakes of the recipes that no axis and no arm has changed."""
    for path, reason in _refusals(study, Cell("checked")):
        yield f"{path}: {reason}"


def check_axes(study: StudySpec) -> Iterator[str]:
    """Axes that are not recipe fields, and values that their fields do not take."""
    for name, axis in study.space.items():
        for index, value in enumerate(axis.probes):
            for _, reason in _refusals(study, Cell("checked", {name: value})):
                yield f"space.{name}.{axis.kind}[{index}]: {value!r}: {reason}"


def check_arms(study: StudySpec) -> Iterator[str]:
    """Arms that change what they do not have, or what their fields do not take."""
    for index, arm in enumerate(study.arms):
        yield from _without_effect(study, index, arm.set, not arm.pretrain)
        for _, reason in _refusals(study, Cell("checked", arm.set, not arm.pretrain)):
            yield f"arms[{index}].set: {dict(arm.set)}: {reason}"
        for axis in arm.cross:
            if axis not in study.space or study.space[axis].kind != "grid":
                grid = [name for name, axis in study.space.items() if axis.kind == "grid"]
                known = ", ".join(grid) or "none"
                yield f"arms[{index}].cross: {axis!r}: not an axis of the grid; choices: {known}"


def check_tables(study: StudySpec) -> Iterator[str]:
    """Tables over stages, metrics and axes that the study does not have."""
    # The default tables may stay partly empty; requested ones need their axes.
    requested = study.tables if "tables" in study.model_fields_set else ()
    for index, table in enumerate(requested):
        if table.stage not in study.stages:
            choices = ", ".join(study.stages)
            yield f"tables[{index}].stage: {table.stage!r}: no such stage; choices: {choices}"
        elif table.metric not in (metrics := metrics_of(table.task)):
            choices = ", ".join(name for name in metrics if not name.startswith("dev"))
            yield (
                f"tables[{index}].metric: {table.metric!r}: trials of task {table.task} have "
                f"none; choices: {choices}"
            )
        for side, axis in (("rows", table.rows), ("columns", table.columns)):
            if axis not in study.space:
                axes = ", ".join(study.space) or "none"
                yield f"tables[{index}].{side}: {axis!r}: no such axis; the space has: {axes}"


def _without_effect(
    study: StudySpec, index: int, changes: Mapping[str, Setting], from_scratch: bool
) -> Iterator[str]:
    """Changes of stages that the arm does not train."""
    try:
        trained = cell_recipes(study, Cell("checked", changes, from_scratch), seed=0)
    except ValueError:
        return  # a mistake that is told by itself
    for name, value in changes.items():
        stage = study.aliases.get(name, name).partition(".")[0]
        if stage in study.stages and stage not in trained:
            what = "pretraining" if study.is_short else stage
            yield f"arms[{index}].set.{name}: {value!r}: this arm has no {what} to change"


def _refusals(study: StudySpec, cell: Cell) -> Iterator[Mistake]:
    """Path and reason of everything that the recipes of a cell refuse."""
    try:
        if broken := list(_broken_edges(study, cell)):
            yield from broken
            return
        recipes = cell_recipes(study, cell, seed=0)
    except UnknownField as error:
        yield "study", str(error)
    except InvalidRecipe as error:
        for path, reason in error.mistakes:
            yield ".".join(filter(None, (_place(study, error.stage), path))) or "study", reason
    else:
        for stage, recipe in recipes.items():
            yield from _misfits(study, stage, recipe, recipes)


def _broken_edges(study: StudySpec, cell: Cell) -> Iterator[Mistake]:
    """Inputs that are no stages, and circles."""
    sections = cell_sections(study, cell)
    inputs: dict[str, dict[str, str]] = {}
    for stage in study.stages:
        inputs[stage] = {role: sections[stage][role] for role in ROLES if sections[stage].get(role)}
        for role, name in inputs[stage].items():
            if name not in study.stages:
                near = difflib.get_close_matches(str(name), study.stages, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                choices = ", ".join([*(s for s in study.stages if s != stage), NONE])
                reason = f"{name!r}: no such stage; {hint}choices: {choices}"
                yield f"stages.{stage}.{role}", reason
                return
    try:
        in_order(inputs)
    except ValueError as circle:
        yield "stages", f"stages take their inputs in a circle: {circle}"


def _misfits(
    study: StudySpec, stage: str, own: StageRecipe, others: Mapping[str, StageRecipe]
) -> Iterator[Mistake]:
    """Inputs that do not fit a stage, and terms without theirs."""
    at = _place(study, stage) or stage
    if source := own.inputs.get("weights"):
        start = others[source].recipe.model
        if differences := start.mistakes_as_start_of(own.recipe.model):
            yield (
                f"{at}.weights",
                f"{source!r}: its network's weights do not fit: {'; '.join(differences)}",
            )
    if isinstance(own.recipe, ClassifyRecipe):
        yield from _of_teacher(at, own, others)


def _place(study: StudySpec, stage: str) -> str:
    """A stage in the file; of the short form nothing: its recipes have most fields in common."""
    return "" if study.is_short else f"stages.{stage}"


def _of_teacher(at: str, own: StageRecipe, others: Mapping[str, StageRecipe]) -> Iterator[Mistake]:
    assert isinstance(own.recipe, ClassifyRecipe)
    terms = own.recipe.train.terms
    if (name := own.inputs.get("teacher")) is None:
        for term in terms.need_teacher:
            yield f"{at}.terms.{term}", "needs a teacher, and the stage has none"
        return
    teacher = others[name].recipe
    if teacher.task != "classify":
        yield f"{at}.teacher", f"{name!r}: a teacher classifies, and its task is {teacher.task}"
    elif teacher.data.image_size != own.recipe.data.image_size:
        sizes = f"{teacher.data.image_size}, not {own.recipe.data.image_size}"
        yield f"{at}.teacher", f"{name!r}: it sees the student's images, but has image_size {sizes}"
    elif (theirs := classes_given(teacher.data)) != (ours := classes_given(own.recipe.data)):
        yield f"{at}.teacher", f"{name!r}: it has other classes: {theirs}, not {ours}"
    elif not terms.need_teacher:
        yield f"{at}.teacher", f"{name!r}: no term of the stage learns from a teacher"
