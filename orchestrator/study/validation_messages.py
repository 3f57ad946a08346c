"""What pydantic found wrong, told in the words of the file that was read."""

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_MOST = 80  # letters of a value
_SCALARS = ("bool", "int", "float", "str")  # the branches of `orchestrator.study.spec.Scalar`


def validation_mistakes(schema: type[BaseModel], raw: Any, error: ValidationError) -> list[str]:
    """Every mistake of a document as `path: value: what was expected`.

    Args:
        schema: what the document was checked against.
        raw: the document as it was read.
    """
    items = _without_branches([_placed(item) for item in error.errors()])
    places = [item["loc"] for item in items]
    # A list whose items are wrong is also called too short: that would tell one mistake twice.
    return [
        _mistake(schema, raw, item)
        for item in items
        if item["type"] != "too_short"
        or not any(place[: len(item["loc"])] == item["loc"] != place for place in places)
    ]


def _placed(item: Any) -> Any:
    """The item where it is, which a check of the whole study tells by `at`."""
    return {**item, "loc": (*item["loc"], *item.get("ctx", {}).get("at", ()))}


def _without_branches(items: list[Any]) -> list[Any]:
    """One item, not four, for a value that none of a scalar's four types takes."""
    found: dict[Any, Any] = {}
    for item in items:
        scalar = item["loc"] and item["loc"][-1] in _SCALARS
        if scalar:
            item = {
                **item,
                "loc": item["loc"][:-1],
                "msg": "expected a number, a word, true or false",
            }
        found.setdefault((item["loc"], item["msg"]), item)
    return list(found.values())


def _mistake(schema: type[BaseModel], raw: Any, item: Any) -> str:
    path, node = [], raw
    for step in item["loc"]:
        inside = isinstance(node, dict) and step in node
        inside = inside or (isinstance(node, list) and isinstance(step, int))
        if not inside and step != item["loc"][-1]:
            continue  # the tag of a union, which is no key of the file
        path.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        node = node[step] if inside else None
    where = "".join(path).lstrip(".") or "study"
    if item["type"] == "missing":
        return f"{where}: missing"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = _unknown(schema, item["loc"])
    # A whole section is more than a line can show.
    large = isinstance(node, dict) and len(repr(node)) > _MOST
    return f"{where}: {message}" if large else f"{where}: {_short(node)}: {message}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."


def _unknown(schema: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    known = _fields_at(schema, list(loc[:-1]))
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown key; {hint}known: {', '.join(known)}"


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
