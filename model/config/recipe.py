"""Recipes: everything that changes the result of one trial, as frozen, strictly checked values.

A recipe is plain data. It imports neither torch nor ray, so that a study can be checked and
planned on any machine. Whatever changes a result by rounding at most (workers, device, the
folder of the images) is not part of it: see `orchestrator.study.runtime.Runtime`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from model.config.base import Config, canonical
from model.config.images import DataConfig
from model.config.network import ModelConfig
from model.config.training import ClassifyConfig, RestoreConfig, TrainConfig


class _Recipe(Config):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of weights, shuffle, augmentation and masks."""
    data: DataConfig
    model: ModelConfig = ModelConfig()

    def public(self) -> dict[str, Any]:
        """The recipe as JSON without the path of its images, which is private."""
        content = canonical(self)
        content["data"].pop("path", None)
        return content

    @field_validator("train", mode="after", check_fields=False)
    @classmethod
    def _numbers_only(cls, train: TrainConfig) -> TrainConfig:
        return train.resolved()

    @model_validator(mode="after")
    def _image_halves(self) -> Self:
        factor = 2 ** len(self.model.channels)
        if self.data.image_size % factor:
            raise ValueError(
                f"image_size {self.data.image_size} must be a multiple of {factor}: "
                f"{len(self.model.channels)} scales each halve it"
            )
        return self


class RestoreRecipe(_Recipe):
    """Restores masked images."""

    task: Literal["restore"] = "restore"
    train: RestoreConfig

    @property
    def loss_definition(self) -> str:
        """The loss in words, for whatever shows its value."""
        if self.train.loss_region == "all":
            return "L1 in [0, 1], mean over all pixels"
        return "L1 in [0, 1], mean over hidden pixels"

    @model_validator(mode="after")
    def _patch_divides(self) -> Self:
        side, patch = self.data.image_size, self.train.mask.patch_size
        if side % patch:
            divisors = [size for size in range(1, side + 1) if side % size == 0]
            raise ValueError(
                f"patch_size {patch} does not divide the {side}-pixel image; "
                f"choices: {', '.join(map(str, divisors))}"
            )
        return self

    @model_validator(mode="after")
    def _hides_some_patches(self) -> Self:
        self.train.mask.check_share(self.data.image_size)
        return self


class ClassifyRecipe(_Recipe):
    """Names the class of images."""

    task: Literal["classify"] = "classify"
    train: ClassifyConfig

    @property
    def loss_definition(self) -> str:
        """The loss in words, for whatever shows its value."""
        return "cross-entropy, nats"


Recipe = Annotated[RestoreRecipe | ClassifyRecipe, Field(discriminator="task")]
Task = Literal["restore", "classify"]
TASK_OF_KIND: dict[str, Task] = {"pretrain": "restore", "finetune": "classify"}
"""Tasks by the names that they had when trials had kinds, for readers of what was written then."""


def remarks(recipe: Recipe) -> list[str]:
    """Settings that are valid but may not do what their author expects, one sentence each."""
    sentences = recipe.train.remarks()
    if isinstance(recipe, RestoreRecipe):
        sentences += recipe.train.mask.remarks(recipe.data.image_size)
    return sentences
