"""The network of a recipe."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from model.config.base import Config, PositiveInt


class ModelConfig(Config):
    """The reduced UVCGANv2 generator of Terentiev & Ivanenko (2024): a U-Net around a ViT."""

    network: Literal["uvcgan2"] = "uvcgan2"
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

    def mistakes_as_start_of(self, other: "ModelConfig") -> list[str]:
        """Fields in which a network that starts from this one's weights differs, in words.

        Initialisation and the head are a trial's own: neither is taken over.
        """
        own = ("init", "head_norm")
        fields = [name for name in type(self).model_fields if name not in own]
        values = [(name, getattr(self, name), getattr(other, name)) for name in fields]
        return [f"{name} {ours}, not {theirs}" for name, ours, theirs in values if ours != theirs]

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.features % self.heads:
            raise ValueError(f"heads {self.heads} must divide features {self.features}")
        return self
