"""The loss over hidden pixels: by a loop over images, where many of them hide nothing."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from tiny_trials import CONSTANT, CPU, IMAGES, images_of, pretrain, train
from torch import Tensor

from model.config.masking import MaskConfig
from model.config.training import AugmentConfig, OptimConfig
from model.data.image_set import split
from model.objectives.objectives import Batch, Reconstruction, build_objective
from model.training.batches import BatchLoader
from model.training.context import LocalContext
from model.training.trainer import NothingHidden

# Four patches an image, each hidden by a chance of one in five: two images of five hide nothing.
_COARSE = MaskConfig(patch_size=8, ratio=0.2)
_DATA = IMAGES.model_copy(update={"train_per_class": 12, "val_per_class": 20, "dev_per_class": 9})


def _recipe(**changes: Any) -> Any:
    settings = {"mask": _COARSE, "loss_region": "masked", "batch_size": 5, "schedule": CONSTANT}
    return pretrain(_DATA, **settings | {"augment": AugmentConfig(policy="none")} | changes)


def _errors(objective: Reconstruction, numbers: list[int], epoch: int | None) -> list[Tensor]:
    """Absolute errors of the hidden values of each image, one image at a time."""
    images, errors = images_of(_DATA), []
    for number in numbers:
        one = torch.tensor([number])
        pixels = torch.from_numpy(images.images[[number]]) / 255
        batch = Batch(pixels, one, one, epoch, torch.tensor([0]))
        shown = objective.shown(batch)
        restored = objective.network(objective.masked(batch, shown))
        errors.append((restored - pixels).abs()[(~shown).expand_as(pixels)])
    return errors


def _mean(errors: list[Tensor]) -> float:
    return torch.cat(errors).double().mean().item()


def test_held_out_losses_are_means_over_all_hidden_pixels() -> None:
    recipe, context = _recipe(epochs=1), LocalContext()
    objective = build_objective(recipe, 2)
    assert isinstance(objective, Reconstruction)
    objective.load_state_dict(train(recipe, context))
    splits = split(images_of(_DATA), _DATA)
    with torch.no_grad():
        val = _errors(objective, splits.val.tolist(), None)
        dev = _errors(objective, splits.dev.tolist(), None)
    # Images that hide nothing are there, and have no part in the mean.
    empty = sum(not len(errors) for errors in val)
    assert empty / len(val) == pytest.approx(0.8**4, abs=0.2)
    row = context.rows[0]
    assert (row.dev_loss, row.val_loss) == pytest.approx((_mean(dev), _mean(val)), rel=1e-5)
    # The mean of the images' means, where an empty image is 0, is another number.
    by_image = np.mean([errors.mean().item() if len(errors) else 0.0 for errors in val])
    assert by_image < 0.8 * row.val_loss


def test_the_training_loss_is_over_the_epochs_hidden_pixels() -> None:
    # Steps too small to change a weight: what the epoch began with is what it was measured on.
    recipe, context = _recipe(epochs=1, optim=OptimConfig(lr=1e-30)), LocalContext()
    train(recipe, context)
    objective = build_objective(recipe, 2)
    assert isinstance(objective, Reconstruction)
    with torch.no_grad():
        errors = _errors(objective, split(images_of(_DATA), _DATA).train.tolist(), 1)
    assert context.rows[0].train_loss == pytest.approx(_mean(errors), rel=1e-5)


def test_a_step_descends_the_mean_over_the_batchs_hidden_pixels() -> None:
    optim = OptimConfig(lr=0.01, eps=1e-3)
    recipe, context = _recipe(epochs=1, batch_size=24, optim=optim), LocalContext()
    trained = train(recipe, context)
    objective = build_objective(recipe, 2)
    assert isinstance(objective, Reconstruction)
    plain = torch.optim.Adam(objective.parameters(), lr=0.01, betas=optim.betas, eps=optim.eps)
    errors = _errors(objective, split(images_of(_DATA), _DATA).train.tolist(), 1)
    torch.cat(errors).mean().backward()
    plain.step()
    # One step of Adam on the plain mean, image by image, leads to the same weights.
    torch.testing.assert_close(trained, dict(objective.state_dict()), rtol=0, atol=1e-5)


def _weights_and_parts(recipe: Any) -> tuple[list[dict[str, Tensor]], list[int]]:
    """Weights before the first and after each step, and hidden values of each step's batch."""
    from tiny_trials import before_each_step

    loader = BatchLoader(images_of(_DATA), recipe, 0, 1, CPU)
    objective = build_objective(recipe, 2)
    batches = loader.training(split(images_of(_DATA), _DATA).train, 1)
    hidden = [int((~objective.shown(part.batch)).sum()) for part in batches]
    seen: list[dict[str, Tensor]] = []

    def note(_: int, optimizer: torch.optim.Optimizer) -> None:
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
        seen.append({str(i): copy.deepcopy(grad) for i, grad in enumerate(grads)})

    with before_each_step(note):
        train(recipe)
    return seen, hidden


def test_a_batch_that_hides_nothing_has_no_gradient() -> None:
    # Batches of one image: two of five are empty.
    grads, hidden = _weights_and_parts(_recipe(epochs=1, batch_size=1))
    assert len(grads) == len(hidden) == 24
    still = [not any(grad.any() for grad in step.values()) for step in grads]
    assert 0 < hidden.count(0) < 24
    # Exactly the empty ones; and nothing was divided by zero.
    assert still == [count == 0 for count in hidden]
    assert all(grad.isfinite().all() for step in grads for grad in step.values())


def test_a_pass_that_hides_nothing_is_refused() -> None:
    # One chance in a billion: neither training nor validation hides a pixel.
    never = MaskConfig(patch_size=8, ratio=1e-9)
    with pytest.raises(NothingHidden, match="no pixel of 24 images in epoch 1"):
        train(_recipe(epochs=1, mask=never))
