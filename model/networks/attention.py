"""Transformer blocks and the positions of their tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.networks.rezero import rezero_scale, scaled


class FourierPositions(nn.Module):
    """Learned Fourier features of a square grid (arXiv 2011.13775): sin(Linear([x, y])).

    Args:
        side: tokens along one side of the grid.
        embed: features of one position.
    """

    grid: Tensor

    def __init__(self, side: int, embed: int) -> None:
        super().__init__()
        axis = torch.linspace(-1, 1, side)
        # UVCGANv2 walks the grid in "ij" order: the token of row i, column j has x = i, y = j.
        x, y = torch.meshgrid(axis, axis, indexing="ij")
        grid = torch.stack((x, y), dim=-1).flatten(0, 1)  # (side * side, 2)
        self.register_buffer("grid", grid, persistent=False)
        self.projector = nn.Linear(2, embed)

    def forward(self) -> Tensor:
        """Positions of all tokens, row by row: (side * side, embed) in [-1, 1]."""
        return torch.sin(self.projector(self.grid))


class Attention(nn.Module):
    """Multi-head self-attention without attention maps.

    Parameters have the names, shapes and start values of `torch.nn.MultiheadAttention`, so that
    weights move between the two as they are.

    Args:
        features: width of a token; a multiple of `heads`.
        heads: attention heads; each takes features / heads numbers of a token.
    """

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * features, features))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * features))
        self.out_proj = nn.Linear(features, features)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix tokens: (N, L, features) -> (N, L, features)."""
        images, length, features = tokens.shape
        packed = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        # (N, L, 3 * features) -> 3 x (N, heads, L, features / heads)
        split = packed.view(images, length, 3, self.heads, features // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))  # heads side by side again
        return out


class TransformerBlock(nn.Module):
    """Pre-LayerNorm block: y = x + a attention(norm(x)); z = y + a ffn(norm(y)).

    One scalar `a` serves both branches: learned from 0 with ReZero (arXiv 2003.04887), else the
    constant 1.

    Args:
        features: width of a token; a multiple of `heads`.
        heads: attention heads.
        ffn: hidden width of the feed-forward branch.
        rezero: learn `a`.
    """

    def __init__(self, features: int, heads: int, ffn: int, rezero: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features)
        self.attention = Attention(features, heads)
        self.norm2 = nn.LayerNorm(features)
        self.ffn = nn.Sequential(nn.Linear(features, ffn), nn.GELU(), nn.Linear(ffn, features))
        self.scale = rezero_scale(rezero)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, L, features) -> (N, L, features)."""
        tokens = tokens + scaled(self.attention(self.norm1(tokens)), self.scale)
        return tokens + scaled(self.ffn(self.norm2(tokens)), self.scale)
