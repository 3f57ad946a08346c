"""Mistakes of a study beyond its form: values and combinations that no recipe allows."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from orchestrator.study.recipes import Cell, UnknownField, cell_recipes
from orchestrator.study.spec import ALIASES, Scalar, StudySpec


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
    for path, reason in _refusals(study, {}):
        yield f"{path}: {reason}"


def check_axes(study: StudySpec) -> Iterator[str]:
    """Axes that are not recipe fields, and values that their fields do not take."""
    for name, axis in study.space.items():
        for index, value in enumerate(axis.probes):
            for _, reason in _refusals(study, {name: value}):
                yield f"space.{name}.{axis.kind}[{index}]: {value!r}: {reason}"


def check_arms(study: StudySpec) -> Iterator[str]:
    """Arms that change what they do not have, or what their fields do not take."""
    for index, arm in enumerate(study.arms):
        for name, value in arm.set.items():
            if not arm.pretrain and ALIASES.get(name, name).startswith("pretrain."):
                yield f"arms[{index}].set.{name}: {value!r}: this arm has no pretraining to change"
        for _, reason in _refusals(study, arm.set):
            yield f"arms[{index}].set: {dict(arm.set)}: {reason}"


def check_tables(study: StudySpec) -> Iterator[str]:
    """Tables over axes that the study does not have."""
    # The default tables may stay partly empty; requested ones need their axes.
    requested = study.tables if "tables" in study.model_fields_set else ()
    for index, table in enumerate(requested):
        for side, axis in (("rows", table.rows), ("columns", table.columns)):
            if axis not in study.space:
                axes = ", ".join(study.space) or "none"
                yield f"tables[{index}].{side}: {axis!r}: no such axis; the space has: {axes}"


def _refusals(study: StudySpec, values: Mapping[str, Scalar]) -> Iterator[tuple[str, str]]:
    """Path and reason of everything that the recipes of a cell with these values refuse."""
    try:
        cell_recipes(study, Cell("checked", values), seed=0)
    except UnknownField as error:
        yield "study", str(error)
    except ValidationError as error:
        for item in error.errors():
            path = ".".join(map(str, item["loc"])) or "study"
            yield path, item["msg"].removeprefix("Value error, ")
