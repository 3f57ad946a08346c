"""Pydantic's errors in the words of the file that was read."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_MOST = 80  # characters of a value
_SCALARS = ("bool", "int", "float", "str")  # the branches of `orchestrator.study.spec.Scalar`


def validation_mistakes(
    schema: type[BaseModel], document: Any, error: ValidationError
) -> list[str]:
    """Every mistake of a document as `path: value: what was expected`.

    Args:
        schema: what the document was checked against.
        document: as it was read, before any default was filled in.
    """
    items = _one_a_value([_at_its_place(item) for item in error.errors()])
    places = [item["loc"] for item in items]
    # A list whose items are wrong is also called too short: that would tell one mistake twice.
    return [
        _line(schema, document, item)
        for item in items
        if item["type"] != "too_short"
        or not any(place[: len(item["loc"])] == item["loc"] != place for place in places)
    ]


def _at_its_place(item: Any) -> Any:
    """The item with the place that a check of the whole study names in `at`."""
    return {**item, "loc": (*item["loc"], *item.get("ctx", {}).get("at", ()))}


def _one_a_value(items: list[Any]) -> list[Any]:
    """One item, not four, for a value that none of a scalar's four types takes."""
    unique: dict[Any, Any] = {}
    for item in items:
        if item["loc"] and item["loc"][-1] in _SCALARS:
            message = "expected a number, a word, true or false"
            item = {**item, "loc": item["loc"][:-1], "msg": message}
        unique.setdefault((item["loc"], item["msg"]), item)
    return list(unique.values())


def _line(schema: type[BaseModel], document: Any, item: Any) -> str:
    where, value = _located(document, item["loc"])
    if item["type"] == "missing":
        return f"{where}: missing"
    unknown = item["type"] == "extra_forbidden"
    message = _unknown_key(schema, item["loc"]) if unknown else item["msg"]
    message = message.removeprefix("Value error, ")
    # A whole section is more than a line can show.
    large = isinstance(value, dict) and len(repr(value)) > _MOST
    return f"{where}: {message}" if large else f"{where}: {_short(value)}: {message}"


def _located(document: Any, loc: tuple[int | str, ...]) -> tuple[str, Any]:
    """A place as the file spells it, such as `arms[1].name`, and the value there, if any."""
    path, node = "", document
    for depth, step in enumerate(loc, start=1):
        inside = _has(node, step)
        if not inside and depth < len(loc):
            continue  # the tag of a union, which is not a key of the file
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
        node = node[step] if inside else None
    return path.lstrip(".") or "study", node


def _has(node: Any, step: int | str) -> bool:
    if isinstance(node, list):
        return isinstance(step, int)
    return isinstance(node, dict) and step in node


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."


def _unknown_key(schema: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    keys = _fields_at(schema, list(loc[:-1]))
    near = difflib.get_close_matches(str(loc[-1]), keys, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {hint}choices: {', '.join(keys)}"


def _fields_at(model: type[BaseModel], loc: list[int | str]) -> list[str]:
    """Field names of the configuration that stands at a path of the study."""
    if not loc:
        return list(model.model_fields)
    head, *rest = loc
    if isinstance(head, int) or head not in model.model_fields:
        return _fields_at(model, rest)  # an index, an axis name, or a union's tag
    for candidate in _models_in(model.model_fields[head].annotation):
        source = candidate.model_fields.get("source")
        if source is None or not rest or rest[0] in get_args(source.annotation):
            return _fields_at(candidate, rest)
    return []


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
