"""Training of a stage: batches, optimiser, schedule, augmentation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from model.config.base import Config, PositiveInt
from model.config.masking import MaskConfig

Decay = Annotated[float, Field(ge=0, lt=1)]


class OptimConfig(Config):
    """Optimiser; the paper's is Adam (0.9, 0.99) at 1e-4."""

    name: Literal["adam", "adamw"] = "adam"
    lr: Annotated[float, Field(gt=0)] = 1e-4
    """Learning rate between warm-up and decay."""
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    eps: Annotated[float, Field(gt=0)] = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class ScheduleConfig(Config):
    """Learning rate over training: linear warm-up, constant, decay."""

    warmup_epochs: Annotated[float, Field(ge=0)] = 5
    start_lr: Annotated[float, Field(ge=0)] = 1e-9
    """Learning rate of the very first step."""
    decay_epochs: Annotated[float, Field(ge=0)] = 15
    """Length of the decay that ends with the last epoch."""
    final_lr: Annotated[float, Field(ge=0)] = 5e-5
    """Learning rate that the decay ends at."""
    decay: Literal["linear", "cosine", "step"] = "linear"
    """Shape of the fall to `final_lr`; `step` drops there at once, where the decay begins."""
    per: Literal["step", "epoch"] = "step"
    """Whether the rate changes at every step or at every epoch."""


class AugmentConfig(Config):
    """Augmentation of a training image, before it is masked or classified."""

    policy: Literal["autoaugment", "autoaugment-grey", "none"] = "autoaugment"
    """torchvision's AutoAugment ImageNet policy (Cubuk 2019) on uint8, drawn for each image. The
    corners that rotating and shearing expose are black, or grey 128 as in Cubuk's own code."""
    flip: bool = False
    """Mirror half of the images, after the policy (the paper does not)."""


class TrainConfig(Config):
    """Settings that both kinds of trial share; the defaults are the paper's."""

    epochs: PositiveInt = 50
    batch_size: PositiveInt = 128
    """Global batch: the images of one optimiser step over all workers."""
    optim: OptimConfig = OptimConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    augment: AugmentConfig = AugmentConfig()
    precision: Literal["fp32", "bf16"] = "fp32"
    """fp32 is IEEE's, on a GPU too: no TF32. bf16 means autocast with fp32 weights."""

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        needed = self.schedule.warmup_epochs + self.schedule.decay_epochs
        if needed > self.epochs:
            raise ValueError(
                f"warmup_epochs + decay_epochs is {needed:g}, more than epochs {self.epochs}"
            )
        return self


class PretrainConfig(TrainConfig):
    """Stage 1: restore the masked image."""

    mask: MaskConfig = MaskConfig()
    loss_region: Literal["all", "masked"] = "all"
    """L1 over all pixels (the paper) or over hidden pixels only (SimMIM)."""

    @model_validator(mode="after")
    def _masked_needs_a_mask(self) -> Self:
        if self.loss_region == "masked" and self.mask.mode == "none":
            raise ValueError("loss_region 'masked' needs a mask, but mask.mode is 'none'")
        return self


class FinetuneConfig(TrainConfig):
    """Stage 2: classify from the class token."""
