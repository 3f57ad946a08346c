"""Branches scaled by a learned scalar that starts at 0 (ReZero, arXiv 2003.04887)."""

import torch
from torch import Tensor, nn


def rezero_scale(learned: bool) -> nn.Parameter | None:
    """The scalar `a` of a branch; None for the constant 1."""
    return nn.Parameter(torch.zeros(1)) if learned else None


def scaled(branch: Tensor, scale: nn.Parameter | None) -> Tensor:
    """A branch's output times its scalar."""
    return branch if scale is None else scale * branch
