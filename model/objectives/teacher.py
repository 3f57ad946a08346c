"""A trained network that another one learns from."""

from collections.abc import Mapping

import torch
from torch import Tensor

from model.config.recipe import Recipe
from model.objectives.objectives import Batch, build_objective


class Teacher:
    """A frozen classifier: part of no gradient, optimiser, checkpoint, DDP group or export.

    Args:
        recipe: the recipe that it was trained by.
        weights: `state_dict()` of its objective.
        num_classes: classes of the student's images, which are its own.

    Raises:
        RuntimeError: the weights are another network's.
    """

    def __init__(
        self,
        recipe: Recipe,
        weights: Mapping[str, Tensor],
        num_classes: int,
        device: torch.device,
    ) -> None:
        objective = build_objective(recipe, num_classes)
        objective.load_state_dict(weights)
        objective.to(device).to(memory_format=torch.channels_last)
        self._network = objective.network.eval().requires_grad_(False)
        self._held_out: dict[bytes, Tensor] = {}

    def teach(self, batch: Batch) -> Batch:
        """The batch with the logits for the very images that the student sees."""
        if batch.epoch is not None:
            return batch._replace(teacher=self._logits(batch.images))
        # Held-out images never change, and neither do the answers.
        key = batch.sample_ids.cpu().numpy().tobytes()
        if key not in self._held_out:
            self._held_out[key] = self._logits(batch.images)
        return batch._replace(teacher=self._held_out[key])

    @torch.no_grad()
    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self._network(images).float()
        return logits
