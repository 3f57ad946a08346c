"""The losses of naive fills that are kept beside a pretrain trial, and what they are over."""

from orchestrator.store.paths import Paths
from orchestrator.store.store import Store

NAIVE_FILLS = ("zero_fill", "mean_fill", "gaussian_fill")
"""Columns of the records: hidden pixels black, in the mean visible colour, blurred in."""
HIDDEN_SHARE = "hidden_share"
"""Column of the records: share of validation pixels that the trial's masks hide."""


def read_fills(store: Store, key: str, region: str) -> dict[str, float]:
    """What is kept of a trial; empty if nothing is, or it is over other pixels.

    Args:
        region: the trial's `loss_region`: losses over other pixels do not compare with its own.

    Returns:
        Losses by `NAIVE_FILLS`, and `HIDDEN_SHARE` where it was recorded.
    """
    try:
        content = store.read_json(Paths.naive_fill_losses(key)) or {}
    except ValueError:
        return {}
    # Before there were two kinds, they were over all pixels, whatever the loss was over.
    if content.get("region", "all") != region:
        return {}
    return {name: float(content[name]) for name in (*NAIVE_FILLS, HIDDEN_SHARE) if name in content}
