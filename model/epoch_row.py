"""The record of one epoch. Imports no torch, so that readers of records need none."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochRow:
    """One epoch of one trial, reduced over all workers."""

    epoch: int
    """Number of the epoch just ended, from 1."""
    step: int
    """Optimiser steps since the trial's beginning."""
    learning_rate: float
    """Learning rate of the epoch's last step."""
    train_loss: float
    """Mean loss over the epoch's augmented training images, while the weights moved."""
    train_accuracy: float | None
    """Top-1 over the same images, in [0, 1]; None for pretraining."""
    dev_loss: float | None
    """Mean loss over the dev images after the epoch; None without a dev set."""
    dev_accuracy: float | None
    val_loss: float
    """Mean loss over the validation images after the epoch, without augmentation."""
    val_accuracy: float | None
    train_images: int
    """Training images seen in the epoch."""
    train_seconds: float
    """Wall seconds of the epoch's training steps."""
    eval_seconds: float
    """Wall seconds of the epoch's evaluation."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """Means over images of the loss's terms, unweighted, and of what else is measured, each as
    `<split>_<name>`, such as `val_teacher_agreement`."""

    def flat(self) -> dict[str, Any]:
        """Every column by name, measures beside the others."""
        columns = {name: value for name, value in asdict(self).items() if name != "measures"}
        return {**columns, **self.measures}
