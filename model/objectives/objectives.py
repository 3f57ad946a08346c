"""Objectives of the tasks: a network, its loss, and what is measured of one image.

An objective's forward pass gives one number an image instead of a batch's mean: sums over images
can be added over workers of unequal parts, a mean of means can not.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config.recipe import ClassifyRecipe, Recipe, RestoreRecipe
from model.device import to_device
from model.masking.masks import fill, visible
from model.masking.uvcgan2_stream import StreamedMasks
from model.networks.transfer import load_trunk, network_weights
from model.networks.uvcgan2 import build_classifier, build_generator
from model.objectives.terms.distillation import distillation
from model.rng import Key, Stream, held_out

TAUGHT = ("distillation", "teacher_accuracy", "teacher_agreement")
"""Measures of a student: the term, and shares of images at which the teacher is right, and at which
it names the class that the student names."""


class Scores(NamedTuple):
    """Measurements of each image."""

    loss: Tensor
    """(N,) float: the image's loss; where `values` are given, the sum of its errors."""
    correct: Tensor | None
    """(N,) bool: whether its class was predicted; None where no class is."""
    values: Tensor | None = None
    """(N,) int64: how many errors each `loss` sums. The loss of several images is then the sum of
    their errors by the number of them. None: every image counts once."""
    total: Tensor | None = None
    """(N,) float: what is minimised, where terms are added to the loss; None for the loss alone."""
    measures: Mapping[str, Tensor] = MappingProxyType({})
    """Name -> (N,) float: terms of the loss, unweighted, and what else is measured of an image."""


class Batch(NamedTuple):
    """Images as an objective takes them."""

    images: Tensor
    """(N, 3, S, S) float in [0, 1], augmented in training."""
    labels: Tensor
    """(N,) int64 class numbers."""
    sample_ids: Tensor
    """(N,) int64, indices of images in their whole set: they key the masks."""
    epoch: int | None
    """Epoch of training; None for held-out images, whose masks never change."""
    positions: Tensor
    """(N,) int64 on the CPU, from 0: how many images are served before this one, in all epochs of
    training so far, or in this pass of held-out images. Masks of mode `uvcgan2` depend on it."""
    teacher: Tensor | None = None
    """(N, classes) float: the teacher's logits for the same images; None without a teacher."""


class Reconstruction(nn.Module):
    """Restore the masked image; mean absolute error (Terentiev & Ivanenko 2024).

    `loss_region="masked"` is the mean over all hidden pixels of a batch, as in SimMIM (arXiv
    2111.09886, section 3.4): an image with nothing hidden has no part in it.
    """

    measures: tuple[str, ...] = ()
    """Names of `Scores.measures`."""

    def __init__(self, recipe: RestoreRecipe, num_classes: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.network = build_generator(recipe.model, recipe.data.image_size, recipe.seed)
        learned = recipe.train.mask.fill == "learned"
        self.colour = nn.Parameter(torch.full((3,), 0.5)) if learned else None
        mask, side = recipe.train.mask, recipe.data.image_size
        self._streams = [StreamedMasks(mask, side) for _ in ("training", "held out")]

    def forward(self, batch: Batch) -> Scores:
        """L1 of each restored image against the unmasked one.

        Over all C*H*W values of an image, or summed over those of its hidden pixels.
        """
        shown = self.shown(batch)
        restored = self.network(self.masked(batch, shown))
        error = (restored - batch.images).abs()  # (N, 3, S, S)
        if self.recipe.train.loss_region == "all":
            return Scores(error.mean(dim=(1, 2, 3)), None)
        hidden = ~shown  # (N, 1, S, S)
        values = hidden.sum(dim=(1, 2, 3)) * error.shape[1]
        return Scores((error * hidden).sum(dim=(1, 2, 3)), None, values)

    def shown(self, batch: Batch) -> Tensor:
        """Visible pixels of each image: (N, 1, S, S) bool."""
        mask, side = self.recipe.train.mask, self.recipe.data.image_size
        if mask.mode == "uvcgan2":
            stream = self._streams[batch.epoch is None]
            return to_device(stream.at(batch.positions), batch.images.device)
        key = self._key(batch.epoch, Stream.MASK, Stream.VALIDATION_MASK)
        return visible(mask, side, key, batch.sample_ids)

    def masked(self, batch: Batch, shown: Tensor) -> Tensor:
        """The network's input: (N, 3, S, S)."""
        key = self._key(batch.epoch, Stream.FILL, Stream.VALIDATION_FILL)
        mask = self.recipe.train.mask
        return fill(batch.images, shown, mask, key, batch.sample_ids, self.colour)

    def _key(self, epoch: int | None, training: Stream, validation: Stream) -> Key:
        if epoch is None:
            return held_out(self.recipe.seed, validation)
        return Key(self.recipe.seed, training, epoch)


class Classification(nn.Module):
    """Name the class from the class token; cross-entropy (Terentiev & Ivanenko 2024), and terms."""

    def __init__(self, recipe: ClassifyRecipe, num_classes: int) -> None:
        super().__init__()
        self.distillation = recipe.train.terms.distillation
        self.measures = TAUGHT if self.distillation else ()
        size = recipe.data.image_size
        self.network = build_classifier(recipe.model, size, num_classes, recipe.seed)

    def forward(self, batch: Batch) -> Scores:
        """Cross-entropy in nats of each image, and whether the most likely class is its own."""
        logits = self.network(batch.images).float()  # (N, classes)
        loss = functional.cross_entropy(logits, batch.labels, reduction="none")
        scores = Scores(loss, logits.argmax(dim=1) == batch.labels)
        if self.distillation is None or batch.teacher is None:
            return scores
        term = distillation(self.distillation, logits, batch.teacher)
        weight = self.distillation.weight
        measures = dict(zip(TAUGHT, (term, *_compared(logits, batch)), strict=True))
        return scores._replace(total=(1 - weight) * loss + weight * term, measures=measures)


def _compared(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Whether the teacher is right, and whether it names the class that the student names."""
    assert batch.teacher is not None
    answers = batch.teacher.argmax(dim=1)
    return (answers == batch.labels).float(), (answers == logits.argmax(dim=1)).float()


Objective = Reconstruction | Classification


def build_objective(recipe: Recipe, num_classes: int) -> Objective:
    """The objective of a recipe, on the CPU, its weights drawn from the recipe's seed."""
    if isinstance(recipe, RestoreRecipe):
        return Reconstruction(recipe, num_classes)
    return Classification(recipe, num_classes)


def start_from(objective: Objective, weights: Mapping[str, Tensor]) -> None:
    """Load another trial's network, strictly by name, but neither its head nor its learned colour.

    Args:
        weights: `state_dict()` of the other trial's objective.

    Raises:
        ValueError: names or shapes do not match; both sides are listed.
    """
    load_trunk(objective.network, network_weights(weights))
