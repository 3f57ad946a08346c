"""One, two and three workers train the same: real processes, gloo on the loopback interface."""

from typing import Any

import pytest
import torch
from tiny_trials import (
    IMAGES,
    Stopped,
    Told,
    before_each_step,
    finetune,
    pretrain,
    results,
    stop_before,
    train,
    train_with_workers,
)

from model.config.masking import MaskConfig
from model.config.terms import Distillation, Terms
from model.config.training import OptimConfig, ScheduleConfig
from model.objectives.objectives import build_objective
from model.training.context import LocalContext, TrainedInput
from model.training.fit import _agree

# Two dev images: with three workers one evaluates nothing.
_DATA = IMAGES.model_copy(update={"dev_per_class": 1})
_HIDDEN = {"mask": MaskConfig(fill="learned"), "loss_region": "masked"}
# Four patches an image: two images of five hide nothing, and so do some workers' parts of a batch.
_COARSE = {"mask": MaskConfig(patch_size=8, ratio=0.2), "loss_region": "masked"}
_RECIPES = {
    "pretrain": pretrain(_DATA),
    "masked": pretrain(_DATA, **_HIDDEN),
    "coarse": pretrain(_DATA, **_COARSE),
    "streamed": pretrain(_DATA, mask=MaskConfig(mode="uvcgan2")),
    "finetune": finetune(_DATA),
    "taught": finetune(_DATA, terms=Terms(distillation=Distillation(temperature=2))),
}
# One good epoch at 1e-3, then steps of 5e29.
_BROKEN = pretrain(
    _DATA,
    optim=OptimConfig(lr=1e30),
    schedule=ScheduleConfig(warmup_epochs=2, start_lr=1e-3, decay_epochs=0, per="epoch"),
)


def context_of(name: str) -> LocalContext:
    """A context, with a teacher for the recipe that learns from one: a network as it is drawn."""
    if name != "taught":
        return LocalContext()
    teacher = finetune(_DATA, seed=9)
    weights = build_objective(teacher, _DATA.num_classes).state_dict()
    return LocalContext(inputs={"teacher": TrainedInput(teacher, weights)})


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Any]]:
    """Rows and weights of one worker."""
    told = {}
    for name, recipe in _RECIPES.items():
        context = context_of(name)
        weights = train(recipe, context)
        told[name] = {"rows": results(context.rows), "weights": weights}
    return told


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Told]:
    """What each of two and of three workers tells."""
    trials = {name: (recipe, context_of(name)) for name, recipe in _RECIPES.items()}
    trials["broken"] = (_BROKEN, LocalContext())
    trials["resumed"] = (_RECIPES["finetune"], _after_one_epoch())
    return train_with_workers(trials, [2, 3], tmp_path_factory.mktemp("workers"))


@pytest.fixture(params=[2, 3])
def ranks(request: pytest.FixtureRequest, together: dict[int, Told]) -> Told:
    """Each number of workers in turn."""
    return together[request.param]


def _after_one_epoch() -> LocalContext:
    """The state of a single worker that was stopped in the second epoch."""
    context = LocalContext()
    with pytest.raises(Stopped), before_each_step(stop_before(6)):
        train(_RECIPES["finetune"], context)
    return context


@pytest.mark.parametrize("name", _RECIPES)
def test_loss_curves_are_one_workers(name: str, alone: dict[str, Any], ranks: Told) -> None:
    expected, found = alone[name]["rows"], ranks[0][name]["rows"]
    # Ten images in batches of three: the last batch of an epoch is smaller than three workers.
    assert [row["step"] for row in found] == [4, 8, 12]
    # Losses, accuracies, counts and rates of every epoch agree to the rounding of floats.
    assert found == [pytest.approx(row, rel=1e-5) for row in expected]
    # The curve moves, so that agreement says something.
    assert len({row["train_loss"] for row in found}) == 3


@pytest.mark.parametrize("name", _RECIPES)
def test_weights_are_one_workers(name: str, alone: dict[str, Any], ranks: Told) -> None:
    # Final weights agree to the rounding of floats, by name.
    torch.testing.assert_close(ranks[0][name]["weights"], alone[name]["weights"], rtol=0, atol=1e-5)
    # Every worker holds the very same bits.
    for told in ranks[1:]:
        torch.testing.assert_close(told[name]["weights"], ranks[0][name]["weights"], rtol=0, atol=0)


def test_another_number_of_workers_takes_over(alone: dict[str, Any], ranks: Told) -> None:
    found = ranks[0]["resumed"]
    # What one worker began, several finish as one would have.
    assert found["rows"] == [pytest.approx(row, rel=1e-5) for row in alone["finetune"]["rows"]]
    torch.testing.assert_close(found["weights"], alone["finetune"]["weights"], rtol=0, atol=1e-5)


def test_only_rank_0_saves(ranks: Told) -> None:
    # Other ranks hand nothing to their context, so that no two write one record.
    assert all(told[name]["rows"] == [] for told in ranks[1:] for name in _RECIPES)


def test_every_rank_learns_of_a_divergence(ranks: Told) -> None:
    # The ranks stop together with one message; none is left waiting for the others.
    assert len({told["broken"]["diverged"] for told in ranks}) == 1
    # The epoch before it was saved, by rank 0.
    assert [told["broken"]["saved"] for told in ranks] == [1] + [0] * (len(ranks) - 1)


def test_the_first_bad_step_of_any_rank_counts(ranks: Told) -> None:
    # Rank r met a bad loss in step 9 - r, so the last rank met it first; all ranks learn of that.
    assert [told["tally"]["bad_step"] for told in ranks] == [10 - len(ranks)] * len(ranks)


def test_workers_that_found_different_checkpoints_do_not_train(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def with_another_at_epoch_2(ends: torch.Tensor, op: Any) -> None:
        """What all_reduce(MAX) makes of this worker's ends and of a second worker's."""
        ends.copy_(torch.maximum(ends, torch.tensor([2, -2])))

    monkeypatch.setattr(torch.distributed, "all_reduce", with_another_at_epoch_2)
    with pytest.raises(RuntimeError, match="different checkpoints"):
        _agree(1, LocalContext(world_size=2))
    # The same epoch is no reason to stop.
    _agree(2, LocalContext(world_size=2))
