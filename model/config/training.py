"""Training of a stage: batches, optimiser, schedule, augmentation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from model.config.base import Config, Later, PositiveInt
from model.config.masking import MaskConfig
from model.config.terms import Terms

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

    warmup_epochs: Annotated[float, Field(ge=0)] | None = None
    """None is the paper's share of all epochs: 5 of 50."""
    start_lr: Annotated[float, Field(ge=0)] = 1e-9
    """Learning rate of the very first step."""
    decay_epochs: Annotated[float, Field(ge=0)] | None = None
    """Length of the decay that ends with the last epoch; None is the paper's 15 of 50."""
    final_lr: Annotated[float, Field(ge=0)] = 5e-5
    """Learning rate that the decay ends at."""
    final_share: Annotated[float | None, Field(ge=0, le=1), Later(None)] = None
    """That rate as a share of `optim.lr`, in place of `final_lr`."""
    decay: Literal["linear", "cosine", "step"] = "linear"
    """Shape of the fall to `final_lr`; `step` drops there at once, where the decay begins."""
    per: Literal["step", "epoch"] = "step"
    """Whether the rate changes at every step or at every epoch."""

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        default = type(self).model_fields["final_lr"].default
        if self.final_share is not None and self.final_lr != default:
            raise ValueError(
                f"final_share {self.final_share:g} and final_lr {self.final_lr:g} both say where "
                "the decay ends; give one of them"
            )
        return self

    def warmup_length(self, epochs: int) -> float:
        """Epochs of warm-up in a training of `epochs`."""
        return epochs * 5 / 50 if self.warmup_epochs is None else self.warmup_epochs

    def decay_length(self, epochs: int) -> float:
        """Epochs of decay in a training of `epochs`."""
        return epochs * 15 / 50 if self.decay_epochs is None else self.decay_epochs

    def end(self, peak: float) -> float:
        """Learning rate that the decay from `peak` ends at."""
        return self.final_lr if self.final_share is None else self.final_share * peak


class AugmentConfig(Config):
    """Augmentation of a training image, before it is masked or classified."""

    policy: Literal["autoaugment", "autoaugment-grey", "none"] = "autoaugment"
    """torchvision's AutoAugment ImageNet policy (Cubuk 2019) on uint8, drawn for each image. The
    corners that rotating and shearing expose are black, or grey 128 as in Cubuk's own code."""
    flip: bool = False
    """Mirror half of the images, after the policy (the paper does not)."""


class TrainConfig(Config):
    """Settings that all tasks share; the defaults are the paper's."""

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
        warmup = self.schedule.warmup_length(self.epochs)
        needed = warmup + self.schedule.decay_length(self.epochs)
        if needed > self.epochs:
            raise ValueError(
                f"warmup_epochs + decay_epochs is {needed:g}, more than epochs {self.epochs}"
            )
        return self

    def resolved(self) -> Self:
        """The same training, its schedule in epochs and rates instead of shares of others."""
        lengths = {
            "warmup_epochs": self.schedule.warmup_length(self.epochs),
            "decay_epochs": self.schedule.decay_length(self.epochs),
        }
        end = {"final_lr": self.schedule.end(self.optim.lr), "final_share": None}
        return self.model_copy(
            update={"schedule": self.schedule.model_copy(update={**lengths, **end})}
        )

    def remarks(self) -> list[str]:
        """A sentence where the learning rate climbs in its decay."""
        end, peak = self.schedule.end(self.optim.lr), self.optim.lr
        if end <= peak or not self.schedule.decay_length(self.epochs):
            return []
        return [
            f"the decay climbs from optim.lr {peak:g} to schedule.final_lr {end:g}; "
            "schedule.final_share gives the end as a share of optim.lr"
        ]


class RestoreConfig(TrainConfig):
    """Training to restore the masked image."""

    mask: MaskConfig = MaskConfig()
    loss_region: Literal["all", "masked"] = "all"
    """L1 over all pixels (the paper) or over hidden pixels only (SimMIM)."""

    @model_validator(mode="after")
    def _masked_needs_a_mask(self) -> Self:
        if self.loss_region == "masked" and self.mask.mode == "none":
            raise ValueError("loss_region 'masked' needs a mask, but mask.mode is 'none'")
        return self


class ClassifyConfig(TrainConfig):
    """Training to classify from the class token."""

    terms: Annotated[Terms, Later(Terms())] = Terms()
    """Additions to the cross-entropy, by name."""
