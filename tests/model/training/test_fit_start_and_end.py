"""Where a trial starts from, how it gives up, and what the loop may import."""

import math
import subprocess
import sys
from functools import cache

import pytest
import torch
from checkout import ROOT
from tiny_trials import (
    CONSTANT,
    IMAGES,
    NETWORK,
    before_each_step,
    finetune,
    images_of,
    pretrain,
    train,
)
from torch import Tensor
from torch.optim import Optimizer

from model.config.network import ModelConfig
from model.config.training import OptimConfig, ScheduleConfig
from model.networks.uvcgan2 import build_generator
from model.objectives.objectives import build_objective
from model.training.context import Checkpoint, LocalContext, TrainedInput
from model.training.fit import fit
from model.training.trainer import Diverged

_LEARNED = {"mask": {"fill": "learned"}}

# --- parents ----------------------------------------------------------------------------------


@cache
def _parent() -> dict[str, Tensor]:
    """Final weights of a pretraining, its learned colour among them."""
    return train(pretrain(seed=1, **_LEARNED))


def _first_weights(context: LocalContext) -> dict[str, Tensor]:
    """What a classifier's trained weights are when its first step is about to be taken."""
    recipe, first = finetune(seed=2), []

    def keep(_: int, optimizer: Optimizer) -> None:
        if not first:
            first.extend(weight.detach().clone() for weight in optimizer.param_groups[0]["params"])

    with before_each_step(keep):
        train(recipe, context)
    named = build_objective(recipe, 2).named_parameters()
    names = [name for name, weight in named if weight.requires_grad]
    return dict(zip(names, first, strict=True))


def _parents() -> dict[str, TrainedInput]:
    return {"weights": TrainedInput(pretrain(seed=3), _parent())}


def _wrong() -> dict[str, TrainedInput]:
    return {"weights": TrainedInput(pretrain(), {"network.weight": torch.zeros(3)})}


def test_training_starts_from_exactly_the_parents_weights() -> None:
    first = _first_weights(LocalContext(inputs=_parents()))
    child = build_objective(finetune(seed=2), 2)
    head = child.state_dict()["network.head.1.weight"].clone()
    child.load_state_dict(first, strict=False)
    parent = build_generator(NETWORK, IMAGES.image_size, seed=3)
    parent.load_state_dict(
        {n.removeprefix("network."): v for n, v in _parent().items() if n.startswith("network.")}
    )
    images = torch.from_numpy(images_of().images) / 255
    # Before the first step the class token is the parent's, to the bit.
    token = child.network.generator.class_token(images)
    assert torch.equal(token, parent.class_token(images))
    # The head is as the child's own seed draws it.
    assert torch.equal(first["network.head.1.weight"], head)


def test_the_parents_decoder_is_carried_along() -> None:
    weights = train(finetune(seed=2), LocalContext(inputs=_parents()))
    names = [name for name in _parent() if name.startswith("network.decoder.")]
    assert names
    for name in names:
        # A classifier never runs it, so that it ends as it came.
        ours = weights[name.replace("network.", "network.generator.", 1)]
        assert torch.equal(ours, _parent()[name])


def test_a_pretraining_may_have_a_parent_too() -> None:
    still = {"optim": OptimConfig(lr=1e-30), "schedule": CONSTANT}
    weights = train(pretrain(seed=2, **still), LocalContext(inputs=_parents()))
    expected = {name: value for name, value in _parent().items() if name != "colour"}
    # With steps of 1e-30 it ends with the parent's network; the colour stays behind.
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-20)


def test_a_parent_that_does_not_fit_is_refused() -> None:
    wide = ModelConfig(**NETWORK.model_dump() | {"features": 16})
    recipe = finetune().model_copy(update={"model": wide})
    # The message has both sides, and no step is taken.
    with pytest.raises(ValueError, match=r"transformer\.extra weights 8, network 16"):
        fit(recipe, images_of(), LocalContext(inputs=_parents()))
    # So it is with weights of something else.
    with pytest.raises(ValueError, match=r"only in the network: encoder\.entry"):
        train(finetune(), LocalContext(inputs=_wrong()))


def test_the_trials_own_checkpoint_goes_before_its_parent() -> None:
    context = LocalContext()
    train(finetune(seed=2), context)
    again = LocalContext(checkpoint=context.checkpoint, inputs=_wrong())
    weights = train(finetune(seed=2), again)
    assert context.checkpoint is not None
    # The parent is not even looked at: this one would be refused.
    torch.testing.assert_close(weights, context.checkpoint.weights, rtol=0, atol=0)


# --- divergence -------------------------------------------------------------------------------

# Steps of 1e-3 in the first epoch and of about 5e29 in the second.
_CLIFF = ScheduleConfig(warmup_epochs=2, start_lr=1e-3, decay_epochs=0, per="epoch")
_HUGE = OptimConfig(lr=1e30)


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_a_loss_that_is_not_finite_ends_the_trial(kind: str) -> None:
    recipe = {"pretrain": pretrain, "finetune": finetune}[kind]
    context, good = LocalContext(), LocalContext()
    # The first step of the second epoch, number 5, breaks the weights; the next one shows it.
    with pytest.raises(Diverged, match=r"epoch 2, step 6, at learning rate 5e\+29"):
        train(recipe(optim=_HUGE, schedule=_CLIFF), context)
    train(recipe(epochs=1, optim=OptimConfig(lr=1e-3), schedule=CONSTANT), good)
    # The epoch before is kept as it was, weights and optimiser.
    assert len(context.rows) == 1
    assert context.checkpoint is not None
    assert good.checkpoint is not None
    torch.testing.assert_close(_tensors(context.checkpoint), _tensors(good.checkpoint))
    assert all(value.isfinite().all() for value in context.checkpoint.weights.values())


def _tensors(checkpoint: Checkpoint) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    return checkpoint.weights, checkpoint.optimizer["state"]


def test_weights_that_the_last_step_broke_are_not_kept() -> None:
    context = LocalContext()
    recipe = pretrain(epochs=1, batch_size=10, optim=_HUGE, schedule=CONSTANT)
    # The only training loss was finite, but not one held-out image has a loss afterwards.
    with pytest.raises(Diverged, match=r"epoch 1, step 1, at learning rate 1e\+30"):
        train(recipe, context)
    # Neither the row nor the weights are saved as if all were well.
    assert context.rows == []
    assert context.checkpoint is None


def test_a_broken_start_is_told_with_the_first_step() -> None:
    context = LocalContext()
    train(finetune(epochs=1, schedule=CONSTANT), context)
    assert context.checkpoint is not None
    context.checkpoint.weights["network.generator.transformer.extra"][0] = math.nan
    # Steps are numbered through the trial, from 1: the second epoch begins with number 5.
    with pytest.raises(Diverged, match="epoch 2, step 5, "):
        train(finetune(schedule=CONSTANT), context)


# --- imports ----------------------------------------------------------------------------------

_ALONE = """
import sys
from tiny_trials import pretrain, train
assert len(train(pretrain(epochs=1, schedule={"warmup_epochs": 0, "decay_epochs": 0}))) > 0
print(sorted({name.partition(".")[0] for name in sys.modules} & {"ray", "orchestrator", "pyarrow"}))
"""


def test_training_needs_no_ray() -> None:
    command = [sys.executable, "-c", _ALONE]
    # An interpreter that is given a command looks for modules in its current folder.
    done = subprocess.run(
        command,
        cwd=ROOT / "tests/support",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    # A process that trains an epoch has loaded neither Ray nor what talks to it.
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
