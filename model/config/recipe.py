"""Recipes: everything that changes the result of one trial, as frozen, strictly checked values.

A recipe is plain data. It imports neither torch nor ray, so that a study can be checked and
planned on any machine. Whatever does not change the result (workers, device, the folder of
the images) is not part of it: see `orchestrator.study.runtime.Runtime`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from model.config.base import Config
from model.config.images import DataConfig
from model.config.network import ModelConfig
from model.config.training import FinetuneConfig, PretrainConfig


class _Recipe(Config):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of weights, shuffle, augmentation and masks."""
    data: DataConfig
    model: ModelConfig = ModelConfig()

    def public(self) -> dict[str, Any]:
        """The recipe as JSON without the path of its images, which is private."""
        return self.model_dump(mode="json", exclude={"data": {"path"}})

    @model_validator(mode="after")
    def _image_halves(self) -> Self:
        factor = 2 ** len(self.model.channels)
        if self.data.image_size % factor:
            raise ValueError(
                f"image_size {self.data.image_size} must be a multiple of {factor}: "
                f"{len(self.model.channels)} scales each halve it"
            )
        return self


class PretrainRecipe(_Recipe):
    kind: Literal["pretrain"] = "pretrain"
    train: PretrainConfig

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


class FinetuneRecipe(_Recipe):
    kind: Literal["finetune"] = "finetune"
    train: FinetuneConfig


Recipe = Annotated[PretrainRecipe | FinetuneRecipe, Field(discriminator="kind")]
