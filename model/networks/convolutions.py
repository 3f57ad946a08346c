"""The scales of UVCGANv2's U-Net (Torbunov et al., arXiv 2303.16280).

Its decoder's convolutions are modulated as in StyleGAN2 (arXiv 1912.04958).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.networks.rezero import rezero_scale, scaled

_DEMODULATION_EPS = 1e-6


class Style(nn.Module):
    """Scales of a convolution's input channels: s = 1 + b Linear(mod) (arXiv 2303.16280).

    Args:
        features: width of the vector that modulates.
        channels: channels to scale.
        rezero: learn `b` from 0; else it is the constant 1.
    """

    def __init__(self, features: int, channels: int, rezero: bool) -> None:
        super().__init__()
        self.affine = nn.Linear(features, channels)
        self.scale = rezero_scale(rezero)

    def forward(self, mod: Tensor) -> Tensor:
        """(N, features) -> (N, channels), around 1."""
        return 1 + scaled(self.affine(mod), self.scale)


class ModulatedConv(nn.Module):
    """3x3 convolution of scaled channels, demodulated (StyleGAN2, arXiv 1912.04958, section 2.2).

    Unlike StyleGAN2, UVCGANv2 demodulates the bias too.

    Args:
        features: width of the vector that modulates.
        channels_in: channels of the input.
        channels_out: channels of the output.
        style_rezero: see `Style`.
    """

    def __init__(
        self, features: int, channels_in: int, channels_out: int, style_rezero: bool
    ) -> None:
        super().__init__()
        self.style = Style(features, channels_in, style_rezero)
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor, mod: Tensor) -> Tensor:
        """Scale, convolve, demodulate.

        Args:
            x: (N, channels_in, H, W).
            mod: (N, features).

        Returns:
            (N, channels_out, H, W).
        """
        scales: Tensor = self.style(mod)  # (N, channels_in)
        energy = self.conv.weight.square().sum((2, 3))  # (channels_out, channels_in)
        demodulation = torch.rsqrt(F.linear(scales.square(), energy) + _DEMODULATION_EPS)
        # Scaling images rather than kernels keeps one convolution for the whole batch.
        out: Tensor = self.conv(x * scales[:, :, None, None])
        return out * demodulation[:, :, None, None]


class EncoderScale(nn.Module):
    """Two 3x3 convolutions, then a 2x2 convolution that halves the side.

    Args:
        channels_in: channels of the input.
        channels: channels of both outputs.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, padding=1),
            nn.LeakyReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(inplace=True),
        )
        self.down = nn.Conv2d(channels, channels, 2, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, channels_in, H, W) -> (N, channels, H/2, W/2) and the skip (N, channels, H, W)."""
        skip = self.convs(x)
        return self.down(skip), skip


class DecoderScale(nn.Module):
    """Double the side, join the skip, two modulated 3x3 convolutions.

    Args:
        features: width of the vector that modulates.
        channels: channels of the input and of the skip.
        channels_out: channels of the output.
        style_rezero: see `Style`.
    """

    def __init__(self, features: int, channels: int, channels_out: int, style_rezero: bool) -> None:
        super().__init__()
        self.up = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv1 = ModulatedConv(features, 2 * channels, channels, style_rezero)
        self.conv2 = ModulatedConv(features, channels, channels_out, style_rezero)

    def forward(self, x: Tensor, skip: Tensor, mod: Tensor) -> Tensor:
        """Decode one scale.

        Args:
            x: (N, channels, H/2, W/2).
            skip: (N, channels, H, W).
            mod: (N, features).

        Returns:
            (N, channels_out, H, W).
        """
        x = self.up(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = torch.cat((x, skip), dim=1)
        x = F.leaky_relu_(self.conv1(x, mod))
        return F.leaky_relu_(self.conv2(x, mod))
