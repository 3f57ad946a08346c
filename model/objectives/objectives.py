"""Objectives of the two kinds of trial: a network, its loss, and what is measured of one image.

An objective's forward pass gives one number an image instead of a batch's mean: sums over images
can be added over workers of unequal parts, a mean of means can not.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config.recipe import FinetuneRecipe, PretrainRecipe, Recipe, current_loss_version
from model.device import to_device
from model.masking.masks import fill, visible
from model.masking.uvcgan2_stream import StreamedMasks
from model.networks.transfer import load_parent_weights
from model.networks.uvcgan2 import build_classifier, build_generator
from model.rng import Key, Stream, held_out


class Scores(NamedTuple):
    """Measurements of each image."""

    loss: Tensor
    """(N,) float: the image's loss; where `values` are given, the sum of its errors."""
    correct: Tensor | None
    """(N,) bool: whether its class was predicted; None where no class is."""
    values: Tensor | None = None
    """(N,) int64: how many errors each `loss` sums. The loss of several images is then the sum of
    their errors by the number of them. None: every image counts once."""


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


class Reconstruction(nn.Module):
    """Stage 1: restore the masked image; mean absolute error (Terentiev & Ivanenko 2024).

    `loss_region="masked"` is the mean over all hidden pixels of a batch, as in SimMIM (arXiv
    2111.09886, section 3.4): an image with nothing hidden has no part in it.
    """

    def __init__(self, recipe: PretrainRecipe, num_classes: int) -> None:
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
    """Stage 2: name the class from the class token; cross-entropy (Terentiev & Ivanenko 2024)."""

    def __init__(self, recipe: FinetuneRecipe, num_classes: int) -> None:
        super().__init__()
        size = recipe.data.image_size
        self.network = build_classifier(recipe.model, size, num_classes, recipe.seed)

    def forward(self, batch: Batch) -> Scores:
        """Cross-entropy in nats of each image, and whether the most likely class is its own."""
        logits = self.network(batch.images).float()  # (N, classes)
        loss = functional.cross_entropy(logits, batch.labels, reduction="none")
        return Scores(loss, logits.argmax(dim=1) == batch.labels)


Objective = Reconstruction | Classification


def build_objective(recipe: Recipe, num_classes: int) -> Objective:
    """The objective of a recipe, on the CPU, its weights drawn from the recipe's seed.

    Raises:
        ValueError: the recipe is an old trial's, of a rule for the loss that is no longer used.
    """
    if isinstance(recipe, PretrainRecipe):
        if recipe.loss_version != current_loss_version(recipe.train.loss_region):
            raise ValueError(f"loss_version {recipe.loss_version} is no longer trained")
        return Reconstruction(recipe, num_classes)
    return Classification(recipe, num_classes)


def start_from_parent(objective: Objective, weights: Mapping[str, Tensor]) -> None:
    """Load a pretrain trial's network, strictly by name; its learned colour is not taken over.

    Raises:
        ValueError: names or shapes do not match; both sides are listed.
    """
    load_parent_weights(objective.network, network_weights(weights))


def network_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's share of an objective's weights, by the network's own names."""
    prefix = "network."  # the attribute that every objective keeps its network in
    return {
        name.removeprefix(prefix): value.contiguous()
        for name, value in weights.items()
        if name.startswith(prefix)
    }
