"""The base of every configuration, and the rule by which keys survive new fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """Base of every configuration: immutable, unknown keys refused, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,  # a default 5 of a float is the 5.0 that a file would give
    )


@dataclass(frozen=True)
class Later:
    """Mark of a field that recipes did not have from the beginning: `Annotated[T, Later(value)]`.

    With `as_before` the field means what recipes without it meant, and stays out of their canonical
    form, so that their keys stay. Never change the value of a field that was once released.
    """

    as_before: Any


def canonical(config: Config) -> dict[str, Any]:
    """A configuration as JSON, without fields marked `Later` that mean the same as before."""
    content: dict[str, Any] = _without_later(config, config.model_dump(mode="json"))
    return content


def _without_later(value: Any, dumped: Any) -> Any:
    """`dumped`, which is the JSON of `value`, without such fields at any depth."""
    if isinstance(value, Config):
        fields = type(value).model_fields
        return {
            name: _without_later(getattr(value, name), dumped[name])
            for name in fields
            if Later(getattr(value, name)) not in fields[name].metadata
        }
    if isinstance(value, Mapping):
        pairs = zip(value.values(), dumped.items(), strict=True)
        return {name: _without_later(one, its_json) for one, (name, its_json) in pairs}
    if isinstance(value, tuple):
        return [_without_later(*pair) for pair in zip(value, dumped, strict=True)]
    return dumped
