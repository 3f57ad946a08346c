"""Sums of a pass over images, over all workers."""

from dataclasses import dataclass
from typing import Any

import torch

from model.objectives.objectives import Scores
from model.training.batches import LocalBatch


@dataclass(frozen=True)
class Totals:
    """Sums over all workers and images of one pass."""

    loss: float
    values: int
    """The loss's denominator: images, or values of hidden pixels."""
    correct: float | None
    images: int
    bad_step: int | None
    """First step whose loss was not finite, from 0."""

    def means(self) -> dict[str, Any]:
        """Mean loss and top-1 share."""
        accuracy = None if self.correct is None else self.correct / self.images
        return {"loss": self.loss / self.values, "accuracy": accuracy}


class RunningMetrics:
    """Adds up scores on the device, so that the host waits once a pass and not once a step."""

    _NEVER = 2**62

    def __init__(self, device: torch.device) -> None:
        # loss, values, correct, images
        self._sums = torch.zeros(4, dtype=torch.float64, device=device)
        self._bad_step = torch.full((), self._NEVER, dtype=torch.int64, device=device)
        self._has_classes = False

    @torch.no_grad()
    def add(self, scores: Scores, part: LocalBatch, step: int) -> None:
        """Add one worker's part of a batch.

        Args:
            step: optimiser steps before it, to name the first bad one.
        """
        loss = scores.loss.double().sum()
        self._bad_step = torch.where(
            loss.isfinite(), self._bad_step, self._bad_step.clamp(max=step)
        )
        if not part.num_real:
            return
        self._sums[0] += loss
        self._sums[1] += part.num_real if scores.values is None else scores.values.sum()
        self._sums[3] += part.num_real
        if scores.correct is not None:
            self._has_classes = True
            self._sums[2] += scores.correct.sum()

    def reduce(self, world_size: int) -> Totals:
        """Add up over all workers; every worker gets the same totals."""
        if world_size > 1:
            torch.distributed.all_reduce(self._sums)
            torch.distributed.all_reduce(self._bad_step, op=torch.distributed.ReduceOp.MIN)
        loss, values, correct, images = self._sums.tolist()
        bad_step = int(self._bad_step)
        return Totals(
            loss=loss,
            values=int(values),
            correct=correct if self._has_classes else None,
            images=int(images),
            bad_step=None if bad_step == self._NEVER else bad_step,
        )
