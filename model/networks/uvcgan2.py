"""The network: a U-Net around a ViT whose extra token steers the decoder, or names the class.

It is the UVCGANv2 generator (Torbunov et al., arXiv 2303.16280, section 3.1) as reduced by
Terentiev & Ivanenko (2024): three scales, 64 + 1 tokens, 8M parameters.

    images -> Encoder -> Transformer -> Decoder -> images       (Generator)
                                    `-> extra token -> head     (Classifier)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.config.network import ModelConfig
from model.networks.attention import FourierPositions, TransformerBlock
from model.networks.convolutions import DecoderScale, EncoderScale

_UVCGAN2_STD = 0.02


class Encoder(nn.Module):
    """Convolutional half of the U-Net, without any normalisation.

    Args:
        channels: channels of the scales, outermost first.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        first = channels[0]
        self.entry = nn.Sequential(nn.Conv2d(3, first, 3, padding=1), nn.LeakyReLU(inplace=True))
        self.scales = nn.ModuleList(
            EncoderScale(before, after) for before, after in pairwise((first, *channels))
        )

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Encode images.

        Args:
            images: (N, 3, S, S), values in [0, 1].

        Returns:
            The grid (N, channels[-1], s, s) with s = S / 2^scales, and the skips, outermost first.
        """
        x, skips = self.entry(images), []
        for scale in self.scales:
            x, skip = scale(x)
            skips.append(skip)
        return x, skips


class Transformer(nn.Module):
    """ViT bottleneck: the grid's pixels and one extra token, which comes last.

    There is neither a final LayerNorm nor a position for the extra token.

    Args:
        config: widths, heads and number of blocks.
        side: side of the grid in tokens.
    """

    def __init__(self, config: ModelConfig, side: int) -> None:
        super().__init__()
        self.positions = FourierPositions(side, config.embed)
        self.entry = nn.Linear(config.embed + config.channels[-1], config.features)
        self.extra = nn.Parameter(torch.randn(config.features))
        self.blocks = nn.ModuleList(
            TransformerBlock(config.features, config.heads, config.ffn, config.rezero)
            for _ in range(config.blocks)
        )

    def embed(self, grid: Tensor) -> Tensor:
        """Pixels of the grid as tokens, row by row: (N, C, s, s) -> (N, s * s, features)."""
        positions: Tensor = self.positions()  # (s * s, embed)
        # Linear([position, pixel]) in two parts: positions are the same for all images.
        for_position, for_pixel = self.entry.weight.tensor_split([positions.shape[1]], dim=1)
        pixels = grid.flatten(2).transpose(1, 2)  # (N, C, s, s) -> (N, s * s, C)
        return F.linear(pixels, for_pixel) + F.linear(positions, for_position, self.entry.bias)

    def forward(self, grid: Tensor) -> Tensor:
        """(N, C, s, s) -> (N, s * s + 1, features)."""
        tokens = self.embed(grid)
        extra = self.extra.expand(tokens.shape[0], 1, -1)
        tokens = torch.cat((tokens, extra), dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class Decoder(nn.Module):
    """All that follows the transformer's tokens: the part that a classifier never runs.

    Args:
        config: widths and channels.
        side: side of the grid in tokens.
    """

    def __init__(self, config: ModelConfig, side: int) -> None:
        super().__init__()
        self.side = side
        self.entry = nn.Linear(config.features, config.channels[-1])
        widths = (config.channels[0], *config.channels)
        self.scales = nn.ModuleList(
            DecoderScale(config.features, channels, channels_out, config.style_rezero)
            for channels_out, channels in reversed(list(pairwise(widths)))
        )
        self.exit = nn.Conv2d(config.channels[0], 3, 1)

    def grid(self, tokens: Tensor) -> Tensor:
        """Pixel tokens as an image: (N, s * s, features) -> (N, C, s, s)."""
        pixels: Tensor = self.entry(tokens).transpose(1, 2)  # (N, C, s * s)
        return pixels.view(*pixels.shape[:2], self.side, self.side)

    def forward(self, tokens: Tensor, skips: list[Tensor]) -> Tensor:
        """Decode tokens.

        Args:
            tokens: (N, s * s + 1, features); the last one modulates the convolutions.
            skips: the encoder's, outermost first.

        Returns:
            (N, 3, S, S), before the sigmoid.
        """
        mod = tokens[:, -1]
        x = self.grid(tokens[:, :-1])
        for scale, skip in zip(self.scales, reversed(skips), strict=True):
            x = scale(x, skip, mod)
        out: Tensor = self.exit(x)
        return out


class Generator(nn.Module):
    """Image to image: the reduced UVCGANv2 generator. Draws its weights from torch's global RNG.

    Args:
        config: the network.
        image_size: side S of the images in pixels.

    Raises:
        ValueError: `image_size` is not a multiple of 2^scales.
    """

    def __init__(self, config: ModelConfig, image_size: int) -> None:
        super().__init__()
        factor = 2 ** len(config.channels)
        if image_size % factor:
            raise ValueError(f"image_size {image_size} must be a multiple of {factor}")
        side = image_size // factor
        self.encoder = Encoder(config.channels)
        self.transformer = Transformer(config, side)
        self.decoder = Decoder(config, side)
        _initialise(self, config.init)

    @property
    def trunk(self) -> "Generator":
        """The part whose weights are handed from trial to trial: all of it."""
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Restore images: (N, 3, S, S) in [0, 1] -> (N, 3, S, S) in [0, 1]."""
        grid, skips = self.encoder(images)
        logits: Tensor = self.decoder(self.transformer(grid), skips)
        # Under bf16 autocast a sigmoid's steps near 1 would be as coarse as grey levels.
        return torch.sigmoid(logits.to(images.dtype))

    def class_token(self, images: Tensor) -> Tensor:
        """The extra token, without the decoder: (N, 3, S, S) in [0, 1] -> (N, features)."""
        tokens: Tensor = self.transformer(self.encoder(images)[0])
        return tokens[:, -1]


class Classifier(nn.Module):
    """One linear layer on the generator's extra token (Terentiev & Ivanenko 2024).

    The generator is complete, so that weights move by name; its decoder is frozen and never run.
    Each parameter with `requires_grad` gets a gradient.

    Args:
        config: the network.
        image_size: side S of the images in pixels.
        num_classes: classes.

    Raises:
        ValueError: `image_size` is not a multiple of 2^scales.
    """

    def __init__(self, config: ModelConfig, image_size: int, num_classes: int) -> None:
        super().__init__()
        self.generator = Generator(config, image_size)
        self.generator.decoder.requires_grad_(False)
        norm = nn.LayerNorm(config.features) if config.head_norm else nn.Identity()
        self.head = nn.Sequential(norm, nn.Linear(config.features, num_classes))
        _initialise(self.head, config.init)

    @property
    def trunk(self) -> Generator:
        """The part whose weights are handed from trial to trial: all but the head."""
        return self.generator

    def forward(self, images: Tensor) -> Tensor:
        """Logits: (N, 3, S, S) in [0, 1] -> (N, num_classes)."""
        logits: Tensor = self.head(self.generator.class_token(images))
        return logits


def build_generator(config: ModelConfig, image_size: int, seed: int) -> Generator:
    """A generator on the CPU whose weights depend on `seed` alone; see `Generator`."""
    with _drawing_from(seed):
        return Generator(config, image_size)


def build_classifier(
    config: ModelConfig, image_size: int, num_classes: int, seed: int
) -> Classifier:
    """A classifier on the CPU; its generator equals `build_generator`'s of the same seed."""
    with _drawing_from(seed):
        return Classifier(config, image_size, num_classes)


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Draw from `seed` on the CPU and leave the caller's random state as it was."""
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed GPUs as well
        yield


def _initialise(network: nn.Module, scheme: str) -> None:
    """Draw weights of convolutions and linear layers; all other parameters stay as they are.

    "uvcgan2" is N(0, 0.02) of arXiv 2303.16280; "he" is arXiv 1502.01852; "pytorch" does nothing.
    """
    if scheme == "pytorch":
        return
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if scheme == "he":
                nn.init.kaiming_normal_(layer.weight)
            else:
                nn.init.normal_(layer.weight, std=_UVCGAN2_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
