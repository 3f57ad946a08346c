"""Published results as data, to stand beside ours.

Source: Terentiev & Ivanenko, "Transfer learning ... on small dataset", Problems in Programming
2024, No. 2-3, pp. 247-252: Table 1 (reconstruction loss) and Table 2 (accuracy; the base model's
is 40 %). Tiny ImageNet, 200 classes, one seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published table; accuracies as shares in [0, 1]."""

    cells: Mapping[tuple[object, object], float]
    """(patch size in pixels, mask ratio) -> value."""
    baseline: float | None = None
    images: int = 10_000
    """Validation images behind each value."""


def _grid(*rows: tuple[float, float, float]) -> dict[tuple[object, object], float]:
    sizes, ratios = (2, 4, 8), (0.2, 0.4, 0.6)
    return {
        (size, ratio): value
        for size, row in zip(sizes, rows, strict=True)
        for ratio, value in zip(ratios, row, strict=True)
    }


TABLES = {
    "terentiev-2024/table-1": Published(
        _grid((0.0178, 0.0309, 0.0445), (0.0185, 0.0344, 0.0521), (0.0224, 0.0403, 0.0646))
    ),
    "terentiev-2024/table-2": Published(
        _grid((0.446, 0.441, 0.446), (0.447, 0.432, 0.436), (0.431, 0.443, 0.441)), baseline=0.40
    ),
}
