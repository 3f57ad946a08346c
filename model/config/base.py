"""The base of every configuration."""

from typing import Annotated

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
