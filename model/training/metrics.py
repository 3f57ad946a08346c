"""Sums of a pass over images, over all workers."""

from dataclasses import dataclass

import torch

from model.objectives.objectives import Scores
from model.training.batches import LocalBatch


@dataclass(frozen=True)
class Means:
    """Means over the images of one pass."""

    loss: float
    accuracy: float | None
    """Share of images whose most likely class is their own; None where none is named."""
    measures: dict[str, float]


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
    measures: dict[str, float]
    """Sums of `Scores.measures`."""

    def means(self) -> Means:
        """Mean loss, top-1 share and mean measures."""
        return Means(
            loss=self.loss / self.values,
            accuracy=None if self.correct is None else self.correct / self.images,
            measures={name: total / self.images for name, total in self.measures.items()},
        )


class RunningMetrics:
    """Adds up scores on the device, so that the host waits once a pass and not once a step.

    Args:
        measures: names of `Scores.measures`; a worker without images has to know them too.
    """

    _NEVER = 2**62

    def __init__(self, device: torch.device, measures: tuple[str, ...] = ()) -> None:
        self._measures = measures
        # loss, values, correct, images, measures
        self._sums = torch.zeros(4 + len(measures), dtype=torch.float64, device=device)
        self._bad_step = torch.full((), self._NEVER, dtype=torch.int64, device=device)
        self._has_classes = False

    @torch.no_grad()
    def add(self, scores: Scores, part: LocalBatch, step: int) -> None:
        """Add one worker's part of a batch.

        Args:
            step: optimiser steps before it, to name the first bad one.
        """
        loss = scores.loss.double().sum()
        minimised = loss if scores.total is None else scores.total.double().sum()
        self._bad_step = torch.where(
            minimised.isfinite(), self._bad_step, self._bad_step.clamp(max=step)
        )
        if not part.num_real:
            return
        self._sums[0] += loss
        self._sums[1] += part.num_real if scores.values is None else scores.values.sum()
        self._sums[3] += part.num_real
        if scores.correct is not None:
            self._has_classes = True
            self._sums[2] += scores.correct.sum()
        for place, name in enumerate(self._measures, start=4):
            self._sums[place] += scores.measures[name].sum()

    def reduce(self, world_size: int) -> Totals:
        """Add up over all workers; every worker gets the same totals."""
        if world_size > 1:
            torch.distributed.all_reduce(self._sums)
            torch.distributed.all_reduce(self._bad_step, op=torch.distributed.ReduceOp.MIN)
        loss, values, correct, images, *measures = self._sums.tolist()
        bad_step = int(self._bad_step)
        return Totals(
            loss=loss,
            values=int(values),
            correct=correct if self._has_classes else None,
            images=int(images),
            bad_step=None if bad_step == self._NEVER else bad_step,
            measures=dict(zip(self._measures, measures, strict=True)),
        )
