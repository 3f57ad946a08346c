"""What a trial's loss is, against loops over pixels and numbers worked out by hand."""

import math
from typing import Any

import pytest
import torch
from tiny_trials import IMAGES, NETWORK, finetune, pretrain
from torch import Tensor, nn

from model.config.masking import MaskConfig
from model.config.network import ModelConfig
from model.networks.uvcgan2 import build_generator
from model.objectives.objectives import Batch, Reconstruction, build_objective, start_from

_SIDE = 8
_DATA = IMAGES.model_copy(update={"image_size": _SIDE})
_FINE = {"patch_size": 1, "ratio": 0.3}


def _batch(samples: list[int], epoch: int | None = 1) -> Batch:
    """Images that depend on nothing but their number."""
    images = [torch.rand(3, _SIDE, _SIDE, generator=_generator(number)) for number in samples]
    labels = torch.tensor([number % 2 for number in samples])
    return Batch(
        torch.stack(images), labels, torch.tensor(samples), epoch, torch.arange(len(samples))
    )


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _reconstruction(seed: int = 0, loss_region: str = "all", **mask: Any) -> Reconstruction:
    settings = {"mask": MaskConfig(**mask), "loss_region": loss_region}
    objective = build_objective(pretrain(_DATA, seed, **settings), num_classes=2)
    assert isinstance(objective, Reconstruction)
    return objective


# --- restoring --------------------------------------------------------------------------------


def test_a_perfect_copy_costs_nothing() -> None:
    objective = _reconstruction(mode="none")
    objective.network = nn.Identity()
    # A network that hands back an unmasked image has restored it.
    assert torch.equal(objective(_batch([3, 5])).loss, torch.zeros(2))


def _slow_loss(restored: Tensor, image: Tensor, hidden: Tensor, region: str) -> float:
    """One image's mean absolute error, value by value."""
    errors = [
        abs(float(restored[channel, y, x]) - float(image[channel, y, x]))
        for y in range(_SIDE)
        for x in range(_SIDE)
        for channel in range(3)
        if region == "all" or hidden[0, y, x]
    ]
    return sum(errors) / len(errors)


@pytest.mark.parametrize("fill", ["zero", "mean", "noise", "learned"])
@pytest.mark.parametrize("region", ["all", "masked"])
def test_loss_is_the_mean_over_its_region(region: str, fill: str) -> None:
    objective, batch = _reconstruction(loss_region=region, fill=fill, **_FINE), _batch([3, 5])
    scores = objective(batch)
    shown = objective.shown(batch)
    restored = objective.network(objective.masked(batch, shown)).detach()
    # Over hidden pixels a score is a sum, and says of how many values.
    counts = torch.ones(2) if region == "all" else 3 * (~shown).sum(dim=(1, 2, 3))
    assert (scores.values is None) == (region == "all")
    assert scores.values is None or torch.equal(scores.values, counts)
    # Each image has a loss of its own, equal to a loop over its values.
    for row in range(2):
        slow = _slow_loss(restored[row], batch.images[row], ~shown[row], region)
        assert scores.loss[row].item() / counts[row].item() == pytest.approx(slow, rel=1e-5)
    # Nothing is named in pretraining.
    assert scores.correct is None


def test_zero_fill_passed_on_costs_the_hidden_light() -> None:
    objective, batch = _reconstruction(mode="exact", ratio=0.5, patch_size=4), _batch([3])
    objective.network = nn.Identity()
    batch = batch._replace(images=torch.full_like(batch.images, 0.5))
    # Two of the four patches of a grey image are black: half of the values are wrong by 0.5.
    assert objective(batch).loss.item() == pytest.approx(0.25)


def test_an_image_with_nothing_hidden_has_no_part_in_the_loss() -> None:
    objective = _reconstruction(loss_region="masked", mode="bernoulli", ratio=1e-9, patch_size=4)
    scores = objective(_batch([3, 5]))
    # Neither an error nor a value that the errors of others would be divided by.
    assert torch.equal(scores.loss, torch.zeros(2))
    assert scores.values is not None
    assert torch.equal(scores.values, torch.zeros(2, dtype=torch.int64))


def test_the_network_sees_the_image_but_for_what_is_hidden() -> None:
    objective, batch = _reconstruction(fill="learned", **_FINE), _batch([3, 5])
    assert objective.colour is not None
    with torch.no_grad():
        objective.colour.copy_(torch.tensor([0.1, 0.2, 0.3]))
    shown = objective.shown(batch)
    masked = objective.masked(batch, shown).movedim(1, -1)  # (N, S, S, 3)
    # Visible pixels are the image's, hidden ones have the learned colour.
    assert torch.equal(masked[shown[:, 0]], batch.images.movedim(1, -1)[shown[:, 0]])
    hidden = masked[~shown[:, 0]]
    assert len(hidden) > 0
    assert torch.equal(hidden, objective.colour.expand_as(hidden))
    # The loss teaches the colour.
    objective(batch).loss.sum().backward()
    assert objective.colour.grad is not None
    assert objective.colour.grad.abs().min() > 0


# --- masks ------------------------------------------------------------------------------------


def test_training_masks_change_with_the_epoch_and_the_seed() -> None:
    samples = [3, 5]
    first = _reconstruction(**_FINE).shown(_batch(samples, epoch=1))
    # Another epoch, another seed or another sample draws anew; the same key draws the same.
    assert not torch.equal(first, _reconstruction(**_FINE).shown(_batch(samples, epoch=2)))
    assert not torch.equal(first, _reconstruction(seed=1, **_FINE).shown(_batch(samples, epoch=1)))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, _reconstruction(**_FINE).shown(_batch(samples, epoch=1)))


def test_held_out_masks_depend_on_the_image_alone() -> None:
    objective = _reconstruction(fill="noise", **_FINE)
    whole = _batch(list(range(6)), epoch=None)
    shown = objective.shown(whole)
    seen = objective.masked(whole, shown)
    for number in range(6):
        alone = _batch([number], epoch=None)
        # Alone or in a batch, an image's mask and noise are the same.
        assert torch.equal(objective.shown(alone)[0], shown[number])
        assert torch.equal(objective.masked(alone, objective.shown(alone))[0], seen[number])
    # They are those of no epoch of training, not even of the first ones.
    for epoch in range(4):
        assert not torch.equal(objective.shown(_batch(list(range(6)), epoch)), shown)


@pytest.mark.parametrize("epoch", [None, 1])
def test_noise_tells_nothing_of_the_mask(epoch: int | None) -> None:
    objective, batch = _reconstruction(fill="noise", **_FINE), _batch(list(range(20)), epoch)
    shown = objective.shown(batch)
    noise = objective.masked(batch, shown).movedim(1, -1)[~shown[:, 0]]
    # A pixel is hidden where its draw is below 0.3. Drawn from the same numbers, the noise would
    # stay below as well; on its own, 70 % of it lies above (384 pixels, sd 2.3 %).
    assert (noise > 0.3).double().mean(dim=0).tolist() == pytest.approx([0.7] * 3, abs=0.1)


# --- naming -----------------------------------------------------------------------------------


def test_uniform_logits_cost_the_logarithm_of_the_classes() -> None:
    objective = build_objective(finetune(_DATA), num_classes=200)
    torch.nn.init.zeros_(objective.network.head[1].weight)
    # A head that says nothing costs ln 200 nats for every image.
    assert objective(_batch([3, 4])).loss.tolist() == pytest.approx([5.298317] * 2)


def test_cross_entropy_and_top_1_by_hand() -> None:
    objective, batch = build_objective(finetune(_DATA), num_classes=2), _batch(list(range(8)))
    scores = objective(batch)
    assert scores.correct is not None
    for row, (a, b) in enumerate(objective.network(batch.images).tolist()):
        label = row % 2
        # -ln of the softmax of the image's own class.
        own, other = (a, b) if label == 0 else (b, a)
        assert scores.loss[row].item() == pytest.approx(math.log1p(math.exp(other - own)), rel=1e-5)
        # Its class is named where its logit is the larger one.
        assert scores.correct[row].item() == (own > other)
    # Both cases occur.
    assert 0 < scores.correct.sum() < 8


# --- parents ----------------------------------------------------------------------------------


def test_a_classifier_starts_from_the_parents_network() -> None:
    parent = _reconstruction(seed=1, fill="learned")
    child = build_objective(finetune(_DATA, seed=2), num_classes=2)
    start_from(child, parent.state_dict())
    images = _batch([3, 5]).images
    # Its class token is the parent's, though the parent has a colour that it has no place for.
    token = child.network.generator.class_token(images)
    assert torch.equal(token, parent.network.class_token(images))
    # Its own first weights gave another.
    assert not torch.equal(token, build_generator(NETWORK, _SIDE, seed=2).class_token(images))


def test_a_parent_of_another_width_is_refused() -> None:
    wide = ModelConfig(**NETWORK.model_dump() | {"features": 16})
    child = build_objective(finetune(_DATA).model_copy(update={"model": wide}), num_classes=2)
    # The message has both widths.
    with pytest.raises(ValueError, match=r"transformer\.extra weights 8, network 16"):
        start_from(child, _reconstruction().state_dict())
