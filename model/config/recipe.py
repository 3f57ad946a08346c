"""Recipes: everything that changes the result of one trial, as frozen, strictly checked values.

A recipe is plain data. It imports neither torch nor ray, so that a study can be checked and
planned on any machine. Whatever does not change the result (workers, device, where the images
lie) is no part of it: see `orchestrator.study.runtime.Runtime`.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

PositiveInt = Annotated[int, Field(ge=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class Config(BaseModel):
    """Base of every configuration: immutable, unknown keys refused, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_default=True,  # a default 5 of a float is the 5.0 that a file would give
    )


# --- images -----------------------------------------------------------------------------------


class _Images(Config):
    image_size: Annotated[int, Field(ge=8, le=512)] = 64
    """Side of the square image in pixels; other sizes are resized once, when decoded."""
    train_per_class: PositiveInt | None = None
    """Training images of each class, drawn with `split_seed`; None takes all but the dev images."""
    dev_per_class: Annotated[int, Field(ge=0)] | None = None
    """Images of each class held out of the rest to choose the best epoch; None takes all."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the training/dev split, apart from the trial's own seed."""
    fingerprint: str | None = None
    """Content of the chosen images (hex), filled in when they are found; part of the trial key."""


class SyntheticImages(_Images):
    """Images made by the project itself: needs no download (see `model.data.synthetic`)."""

    source: Literal["synthetic"] = "synthetic"
    image_size: Annotated[int, Field(ge=8, le=512)] = 32
    num_classes: Annotated[int, Field(ge=2, le=100)] = 20
    train_per_class: PositiveInt = 50
    dev_per_class: Annotated[int, Field(ge=0)] = 0
    val_per_class: PositiveInt = 12
    """Validation images of each class."""
    image_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the images themselves."""


class TinyImageNet(_Images):
    """Tiny ImageNet in its official layout, as a folder or a zip: wnids.txt, train/, val/."""

    source: Literal["tiny-imagenet"]
    path: Path
    """The folder or zip. Not part of the trial key: the fingerprint of its content is."""
    classes: tuple[str, ...] | None = None
    """WordNet ids to keep, in label order; None keeps all, in sorted order."""


class ImageFolder(_Images):
    """Any folder of images: `train/<class>/*` with `val/<class>/*`, or `<class>/*` alone."""

    source: Literal["folder"]
    path: Path
    """The folder. Not part of the trial key: the fingerprint of its content is."""
    classes: tuple[str, ...] | None = None
    """Sub-folders to keep, in label order; None keeps all, in sorted order."""
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of each class held out for validation where there is no `val` folder."""


DataConfig = Annotated[SyntheticImages | TinyImageNet | ImageFolder, Field(discriminator="source")]


class ModelConfig(Config):
    """The reduced UVCGANv2 generator of Terentiev & Ivanenko (2024): a U-Net around a ViT."""

    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (48, 96, 192)
    """Channels of the U-Net's scales, outermost first; each scale halves the image's side."""
    features: PositiveInt = 192
    """Width of the transformer's tokens."""
    embed: PositiveInt = 192
    """Width of the Fourier position embedding."""
    heads: PositiveInt = 6
    """Attention heads; must divide `features`."""
    blocks: PositiveInt = 12
    """Transformer blocks."""
    ffn: PositiveInt = 768
    """Hidden width of a block's feed-forward part."""
    rezero: bool = False
    """Scale both branches of a block by one learned scalar that starts at 0 (the paper: off)."""
    style_rezero: bool = True
    """Scale each style by a learned scalar that starts at 0 (else at 1)."""
    init: Literal["uvcgan2", "pytorch", "he"] = "uvcgan2"
    """Weights of convolutions and linear layers: N(0, 0.02), PyTorch's default, or He normal."""
    head_norm: bool = False
    """A LayerNorm between the class token and the classification layer."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.features % self.heads:
            raise ValueError(f"heads {self.heads} must divide features {self.features}")
        return self


class MaskConfig(Config):
    """Which squares of the image are hidden, and what stands in their place."""

    patch_size: PositiveInt = 4
    """Side of one hidden square in pixels; must divide the image's side."""
    ratio: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Share of patches that are hidden: the expected share for `bernoulli` and `uvcgan2`, exact
    for the others."""
    mode: Literal["bernoulli", "exact", "block", "none", "uvcgan2"] = "bernoulli"
    """Each patch on its own (the paper) | exactly round(ratio * patches) at random | the same
    number in rectangular blocks (BEiT) | nothing hidden (plain autoencoding) | as bernoulli, from
    one generator seeded 0 that advances from image to image (the public UVCGANv2 code)."""
    fill: Literal["zero", "mean", "noise", "learned"] = "zero"
    """What stands in hidden pixels: black (the paper) | the mean colour of the visible ones |
    uniform noise | one learned colour."""


# --- optimisation -----------------------------------------------------------------------------


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
    """How the rate falls to `final_lr`; `step` drops there at once, where the decay begins."""
    per: Literal["step", "epoch"] = "step"
    """Whether the rate changes at every step or at every epoch."""


class AugmentConfig(Config):
    """What happens to a training image before it is masked or classified."""

    policy: Literal["autoaugment", "autoaugment-grey", "none"] = "autoaugment"
    """torchvision's AutoAugment ImageNet policy (Cubuk 2019) on uint8, drawn for each image. What
    rotating and shearing lay bare is black, or grey 128 as in Cubuk's own code."""
    flip: bool = False
    """Mirror half of the images, after the policy (the paper does not)."""


class TrainConfig(Config):
    """What both kinds of trial share; the defaults are the paper's."""

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


class _Recipe(Config):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of weights, shuffle, augmentation and masks."""
    data: DataConfig
    model: ModelConfig = ModelConfig()

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
