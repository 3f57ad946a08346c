"""Loss terms: what is added to a task's own loss, by name.

Their settings stand here and their arithmetic in `model.objectives.terms`, a file for each under
the same name: a study is checked without torch.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from model.config.base import Config


class Distillation(Config):
    """Learning from a teacher's answers (Hinton 2015, arXiv 1503.02531; Touvron 2021, 2012.12877).

    The loss is (1 - weight) * cross-entropy + weight * distillation.
    """

    kind: Literal["soft", "hard"] = "soft"
    """`soft`: temperature^2 * KL(teacher || student) of the softened outputs. `hard`: cross-entropy
    against the class that the teacher finds most likely."""
    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Divides the logits of both; for `soft` alone."""

    @model_validator(mode="after")
    def _hard_has_none(self) -> Self:
        if self.kind == "hard" and self.temperature != 1:
            raise ValueError(
                f"temperature {self.temperature:g}: kind 'hard' has none; leave it out, or use "
                "kind 'soft'"
            )
        return self


class Terms(Config):
    """The terms of one task; None, and a weight of 0, leave a term out."""

    distillation: Distillation | None = None

    @model_validator(mode="before")
    @classmethod
    def _drop_what_is_off(cls, given: Any) -> Any:
        # "none", weight 0 and absence are one recipe, so that they have one key.
        if not isinstance(given, dict):
            return given
        return {name: None if is_off(term) else term for name, term in given.items()}

    @property
    def used(self) -> dict[str, Distillation]:
        """Settings of the terms that are not left out, by name."""
        terms = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: term for name, term in terms.items() if term}

    @property
    def need_teacher(self) -> list[str]:
        """Names of the terms that are used and cannot be without a teacher."""
        return [name for name in NEED_TEACHER if name in self.used]


NEED_TEACHER = ("distillation",)
"""Terms that cannot be without a teacher."""


def is_off(term: Any) -> bool:
    """Whether a term, as a file gives it, is left out: absent, `none`, or of weight 0."""
    return term in (None, "none") or (isinstance(term, dict) and term.get("weight") == 0)
