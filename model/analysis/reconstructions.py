"""A few validation images as a network restores them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from model.config.recipe import RestoreRecipe

if TYPE_CHECKING:  # torch, which a finished study does not need
    from torch import Tensor

    from model.data.image_set import ImageSet


COUNT = 4
"""Pictures of one trial."""


def chosen_positions(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions of the images to show: evenly spaced over the validation images by class.

    Args:
        labels: (n,) classes of the validation images.

    Returns:
        At most COUNT positions among them, all different, in ascending order.
    """
    by_class = np.argsort(labels, kind="stable")
    steps = np.linspace(0, len(labels) - 1, min(COUNT, len(labels))).round().astype(np.int64)
    return np.sort(by_class[steps])


def reconstructions(
    recipe: RestoreRecipe, weights: bytes, image_set: "ImageSet"
) -> Iterator[dict[str, Any]]:
    """Each chosen image before, in and after the network, under the masks of validation.

    Raises:
        ValueError: the weights are another network's.
    """
    import safetensors
    import safetensors.torch
    import torch

    from model.data.image_set import split
    from model.objectives.objectives import Batch, Reconstruction

    val = split(image_set, recipe.data).val
    positions = chosen_positions(image_set.labels[val])
    rows = val[positions]
    originals = torch.from_numpy(image_set.images[rows])  # (N, 3, S, S) uint8
    columns = image_set.labels[rows], rows, positions
    labels, sample_ids, served = map(torch.from_numpy, columns)
    batch = Batch(originals.float() / 255, labels, sample_ids, None, served)
    objective = Reconstruction(recipe, len(image_set.class_names)).eval()
    try:
        objective.load_state_dict(safetensors.torch.load(weights))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"weights that are not this network's: {reason}") from None
    with torch.inference_mode():
        masked = objective.masked(batch, objective.shown(batch))
        restored = objective.network(masked)
    for number, row in enumerate(rows):
        yield {
            "sample": int(row),
            "label": image_set.class_names[image_set.labels[row]],
            "side": recipe.data.image_size,
            "original": _bytes(originals[number]),
            "masked": _bytes(_levels(masked[number])),
            "restored": _bytes(_levels(restored[number])),
        }


def _levels(image: "Tensor") -> "Tensor":
    """(3, S, S) float in [0, 1] -> the nearest of 256 levels, uint8."""
    return (image * 255).round().clamp(0, 255).byte()


def _bytes(image: "Tensor") -> bytes:
    """(3, S, S) uint8 -> S * S * 3 bytes, row by row."""
    return image.permute(1, 2, 0).contiguous().numpy().tobytes()
