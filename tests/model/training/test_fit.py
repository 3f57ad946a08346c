"""The training loop against steps written out by hand and against plain PyTorch."""

from collections.abc import Iterator

import pytest
import torch
from tiny_trials import (
    CALM,
    CONSTANT,
    CPU,
    IMAGES,
    NETWORK,
    before_each_step,
    finetune,
    images_of,
    pretrain,
    train,
)
from torch import Tensor
from torch.nn import functional

from model.config.recipe import ClassifyRecipe, Recipe, RestoreRecipe
from model.config.training import AugmentConfig, OptimConfig, ScheduleConfig
from model.data.image_set import split
from model.masking.masks import visible
from model.networks.uvcgan2 import Classifier, Generator, build_classifier, build_generator
from model.objectives.objectives import Batch, Reconstruction, build_objective
from model.rng import Key, Stream
from model.training.batches import BatchLoader
from model.training.context import LocalContext

# Warm-up over the first epoch of four steps, decay over the third.
_RATES = [1e-9, 0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01, 0.01, 0.01, 0.0075125, 0.005025, 0.0025375]
_WHOLE = {"epochs": 1, "batch_size": 10, "schedule": CONSTANT}
_KINDS = {"pretrain": pretrain, "finetune": finetune}


def _network(recipe: Recipe) -> Generator | Classifier:
    if isinstance(recipe, RestoreRecipe):
        return build_generator(NETWORK, IMAGES.image_size, recipe.seed)
    return build_classifier(NETWORK, IMAGES.image_size, 2, recipe.seed)


def _loss(recipe: Recipe, network: Generator | Classifier, batch: Batch) -> Tensor:
    """Mean loss of a batch as the paper has it: black patches and L1, or cross-entropy."""
    if isinstance(recipe, ClassifyRecipe):
        return functional.cross_entropy(network(batch.images), batch.labels)
    key = Key(recipe.seed, Stream.MASK, batch.epoch or 0)
    shown = visible(recipe.train.mask, IMAGES.image_size, key, batch.sample_ids)
    return functional.l1_loss(network(batch.images * shown), batch.images)


def _batches(recipe: Recipe) -> Iterator[Batch]:
    """The global batches of a whole training, each with the epoch that keys its masks."""
    images = images_of()
    loader = BatchLoader(images, recipe, 0, 1, CPU)
    for epoch in range(1, recipe.train.epochs + 1):
        for part in loader.training(split(images, IMAGES).train, epoch):
            yield part.batch._replace(epoch=epoch)


def _assert_close(weights: dict[str, Tensor], network: torch.nn.Module, atol: float) -> None:
    found = {name.removeprefix("network."): value for name, value in weights.items()}
    # Every weight of the network, by name, to the rounding of floats.
    torch.testing.assert_close(found, dict(network.state_dict()), rtol=0, atol=atol)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_one_step_by_hand(kind: str, name: str) -> None:
    optim = OptimConfig(name=name, lr=0.01, eps=1e-3, weight_decay=0.1)
    recipe = _KINDS[kind](optim=optim, **_WHOLE)
    network = _network(recipe)
    _loss(recipe, network, next(_batches(recipe))).backward()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.grad is not None:
                _adam_step(weight, weight.grad, decoupled=name == "adamw")
    _assert_close(train(recipe), network, atol=1e-6)


def _adam_step(weight: Tensor, grad: Tensor, decoupled: bool) -> None:
    """Adam's first step: both bias-corrected moments are those of this very gradient."""
    if decoupled:
        weight.mul_(1 - 0.01 * 0.1)
    else:
        grad = grad + 0.1 * weight
    weight.sub_(0.01 * grad / (grad.abs() + 1e-3))


@pytest.mark.parametrize("kind", _KINDS)
def test_a_whole_training_is_a_plain_loop(kind: str) -> None:
    recipe, context = _KINDS[kind](), LocalContext()
    network, losses = _network(recipe), []
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, betas=(0.9, 0.99), eps=CALM.eps, foreach=False)
    for rate, batch in zip(_RATES, _batches(recipe), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = _loss(recipe, network, batch)
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(batch.images)
    _assert_close(train(recipe, context), network, atol=1e-5)
    # A row's training loss is the mean over its epoch's ten images, not over its four steps.
    expected = [sum(losses[start : start + 10]) / 10 for start in (0, 10, 20)]
    assert [row.train_loss for row in context.rows] == pytest.approx(expected, rel=1e-5)


# --- rates and rows ---------------------------------------------------------------------------


def _rates(recipe: Recipe, context: LocalContext) -> list[float]:
    """Learning rates that the optimiser's steps used."""
    used: list[float] = []
    with before_each_step(lambda _, optimizer: used.append(optimizer.param_groups[0]["lr"])):
        train(recipe, context)
    return used


def test_each_step_uses_the_schedules_rate() -> None:
    context = LocalContext()
    # By hand: start_lr 1e-9, a quarter of the way a step, 0.01, then a quarter of the way to 5e-5.
    assert _rates(pretrain(), context) == pytest.approx(_RATES, abs=1e-9)
    # A row has the rate of its epoch's last step.
    assert [row.learning_rate for row in context.rows] == pytest.approx(_RATES[3::4], abs=1e-9)


def test_rates_by_epoch() -> None:
    schedule = ScheduleConfig(warmup_epochs=2, start_lr=0.002, decay_epochs=1, per="epoch")
    # Each epoch keeps the rate of its first step: 0.002, half of the way to 0.01, 0.01.
    expected = [0.002] * 4 + [0.006] * 4 + [0.01] * 4
    assert _rates(finetune(schedule=schedule), LocalContext()) == pytest.approx(expected)


@pytest.mark.parametrize(("batch", "steps"), [(1, 10), (3, 4), (5, 2), (10, 1), (64, 1)])
def test_rows_count_epochs_steps_and_images(batch: int, steps: int) -> None:
    context = LocalContext()
    # The last partial batch is a step too, and a batch may be larger than the set.
    assert len(_rates(finetune(batch_size=batch), context)) == 3 * steps
    assert [(row.epoch, row.step, row.train_images) for row in context.rows] == [
        (1, steps, 10),
        (2, 2 * steps, 10),
        (3, 3 * steps, 10),
    ]


def test_a_pretraining_row_names_no_classes() -> None:
    context = LocalContext()
    train(pretrain(), context)
    for row in context.rows:
        # Without a dev set there is no dev loss, not even 0.
        assert (row.dev_loss, row.dev_accuracy) == (None, None)
        assert (row.train_accuracy, row.val_accuracy) == (None, None)
        # What is measured is measured.
        assert min(row.train_loss, row.val_loss, row.train_seconds, row.eval_seconds) > 0


# More held-out images of each split than are evaluated in one go.
_MANY = IMAGES.model_copy(update={"image_size": 8, "dev_per_class": 70, "val_per_class": 75})


def _slow_means(recipe: Recipe, weights: dict[str, Tensor], samples: list[int]) -> list[float]:
    """Mean loss and top-1 of held-out images, one at a time."""
    objective, images = build_objective(recipe, 2), images_of(_MANY)
    objective.load_state_dict(weights)
    losses, hits = [], []
    for number in samples:
        pixels = torch.from_numpy(images.images[[number]]) / 255
        label = torch.from_numpy(images.labels[[number]])
        with torch.no_grad():
            scores = objective(
                Batch(pixels, label, torch.tensor([number]), None, torch.tensor([0]))
            )
        losses.append(scores.loss.item())
        hits.append(scores.correct.item() if scores.correct is not None else 0)
    return [sum(losses) / len(samples), sum(hits) / len(samples)]


@pytest.mark.parametrize("kind", _KINDS)
def test_held_out_numbers_are_means_over_single_images(kind: str) -> None:
    recipe, context = _KINDS[kind](_MANY, **_WHOLE), LocalContext()
    weights = train(recipe, context)
    (row,), splits = context.rows, split(images_of(_MANY), _MANY)
    dev = _slow_means(recipe, weights, splits.dev.tolist())
    val = _slow_means(recipe, weights, splits.val.tolist())
    # With the weights of the epoch's end, and the same masks for an image alone as in a batch.
    assert (row.dev_loss, row.val_loss) == pytest.approx((dev[0], val[0]), rel=1e-5)
    # Accuracies are shares of the 140 and the 150 images.
    if kind == "finetune":
        assert (row.dev_accuracy, row.val_accuracy) == pytest.approx((dev[1], val[1]))


def test_held_out_losses_move_with_the_weights_alone() -> None:
    still = OptimConfig(lr=1e-30)
    recipe, context = pretrain(_MANY, optim=still, schedule=CONSTANT), LocalContext()
    train(recipe, context)
    # Steps of 1e-30 change no loss, and the masks of held-out images never change: every epoch
    # measures the same, while training draws other masks for each.
    assert len({(row.dev_loss, row.val_loss) for row in context.rows}) == 1
    assert len({row.train_loss for row in context.rows}) == 3


def test_bfloat16_is_for_the_passes_only() -> None:
    rounded, exact = LocalContext(), LocalContext()
    quiet = {"augment": AugmentConfig(policy="none"), **_WHOLE}
    weights = train(pretrain(precision="bf16", **quiet), rounded)
    train(pretrain(**quiet), exact)
    # The loss is close to that in full precision, yet not the same.
    loss = rounded.rows[0].train_loss
    assert loss == pytest.approx(exact.rows[0].train_loss, rel=0.02)
    assert loss != exact.rows[0].train_loss
    # Weights and what the optimiser remembers stay in full precision.
    assert {value.dtype for value in weights.values()} == {torch.float32}
    assert rounded.checkpoint is not None
    moments = rounded.checkpoint.optimizer["state"][0]
    assert {value.dtype for value in moments.values()} == {torch.float32}


def test_the_learned_colour_is_trained() -> None:
    network = build_objective(pretrain(mask={"fill": "learned"}), 2)
    assert isinstance(network, Reconstruction)
    weights = train(pretrain(mask={"fill": "learned"}))
    # It starts as mid-grey; each of its three values moves.
    assert torch.equal(network.state_dict()["colour"], torch.full((3,), 0.5))
    assert ((weights["colour"] - 0.5).abs() > 1e-4).all()
