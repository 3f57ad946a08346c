"""A trial that is interrupted, anywhere and in any way, ends as one that never was."""

import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_trials import (
    CPU,
    Stopped,
    before_each_step,
    finetune,
    pretrain,
    results,
    stop_before,
    train,
    train_until_killed,
)
from torch import Tensor
from torch import multiprocessing as mp

from model.config.masking import MaskConfig
from model.config.recipe import Recipe
from model.config.training import AugmentConfig
from model.training.context import LocalContext
from orchestrator.run.ledger_context import LedgerContext
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec, trial_key

_STEPS = 12  # of a whole trial: three epochs of four
_WRITES = 12  # of a whole trial: three epochs of rows, weights, optimiser and commit
_NOISY = {
    "mask": MaskConfig(mode="block", fill="noise"),
    "augment": AugmentConfig(flip=True),
}
_RECIPES = {
    "pretrain": pretrain(**_NOISY),
    "streamed": pretrain(mask=MaskConfig(mode="uvcgan2")),
    "finetune": finetune(),
}

Result = tuple[list[dict[str, Any]], dict[str, Tensor]]


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Result]:
    """Rows and weights of trials that nobody interrupts."""
    return {name: _outcome(recipe, LocalContext()) for name, recipe in _RECIPES.items()}


def _outcome(recipe: Recipe, context: LocalContext) -> Result:
    weights = train(recipe, context)
    return results(context.rows), weights


def _assert_same(found: Result, expected: Result) -> None:
    # Every field of every row but the seconds is equal, not merely close.
    assert found[0] == expected[0]
    # So is every bit of every weight.
    torch.testing.assert_close(found[1], expected[1], rtol=0, atol=0)


@pytest.mark.parametrize("name", _RECIPES)
@pytest.mark.parametrize("step", range(_STEPS))
def test_stopped_in_any_step(name: str, step: int, undisturbed: dict[str, Result]) -> None:
    context = LocalContext()
    with pytest.raises(Stopped), before_each_step(stop_before(step)):
        train(_RECIPES[name], context)
    # Each epoch that was finished was saved, and no other.
    assert len(context.rows) == step // 4
    _assert_same(_outcome(_RECIPES[name], context), undisturbed[name])


def test_a_checkpoint_serves_any_number_of_times(undisturbed: dict[str, Result]) -> None:
    context = LocalContext()
    with pytest.raises(Stopped), before_each_step(stop_before(6)):
        train(_RECIPES["finetune"], context)
    for _ in range(2):
        # To go on from a checkpoint does not change it.
        again = LocalContext(checkpoint=context.checkpoint, rows=list(context.rows))
        _assert_same(_outcome(_RECIPES["finetune"], again), undisturbed["finetune"])


def test_a_finished_trial_is_not_trained_again(undisturbed: dict[str, Result]) -> None:
    context = LocalContext()
    train(_RECIPES["finetune"], context)
    with before_each_step(stop_before(0)):
        # No step is taken, and the weights are the final ones.
        _assert_same(_outcome(_RECIPES["finetune"], context), undisturbed["finetune"])


def test_the_callers_random_state_plays_no_part(undisturbed: dict[str, Result]) -> None:
    torch.manual_seed(1234)
    before = torch.get_rng_state()
    _assert_same(_outcome(_RECIPES["pretrain"], LocalContext()), undisturbed["pretrain"])
    # Training leaves it as it was.
    assert torch.equal(torch.get_rng_state(), before)


def test_the_seed_is_the_only_chance(undisturbed: dict[str, Result]) -> None:
    weights = train(finetune(seed=1), LocalContext())
    # Another seed is another trial.
    assert not torch.equal(weights["network.head.1.weight"], _head(undisturbed["finetune"]))


def _head(result: Result) -> Tensor:
    return result[1]["network.head.1.weight"]


# --- on disk ----------------------------------------------------------------------------------


class _StoppingStore(Store):
    """A store whose process ends before the write of a given number, counted from 0."""

    def __init__(self, uri: str, last: int) -> None:
        super().__init__(uri)
        self._left = last

    def write(self, name: str, content: bytes, flushed: bool = True) -> None:
        if not self._left:
            raise Stopped
        self._left -= 1
        super().write(name, content, flushed)


def _recorded(recipe: Recipe, store: Path) -> TrialSpec:
    spec = TrialSpec(key=trial_key(recipe, {}), recipe=recipe)
    Ledger(Store(str(store))).write_spec(spec)
    return spec


def _finished(spec: TrialSpec, store: Path) -> Result:
    """Go on to the end in this process."""
    ledger = Ledger(Store(str(store)))
    weights = train(spec.recipe, LedgerContext.open(spec, ledger, CPU))
    return results(ledger.rows(spec.key)), weights


@pytest.mark.parametrize("write", range(_WRITES + 1))
def test_stopped_before_any_write(
    write: int, tmp_path: Path, undisturbed: dict[str, Result]
) -> None:
    spec = _recorded(_RECIPES["finetune"], tmp_path)
    ledger = Ledger(_StoppingStore(str(tmp_path), write))
    if write < _WRITES:
        with pytest.raises(Stopped):
            train(spec.recipe, LedgerContext.open(spec, ledger, CPU))
    else:  # one write more is never asked for
        train(spec.recipe, LedgerContext.open(spec, ledger, CPU))
    # What lies in the store is enough to end as if nothing had happened.
    _assert_same(_finished(spec, tmp_path), undisturbed["finetune"])


def test_killed(tmp_path: Path, undisturbed: dict[str, Result]) -> None:
    spec = _recorded(_RECIPES["pretrain"], tmp_path)
    arguments = (str(tmp_path), spec.key, 6)
    context = mp.get_context("spawn")
    process = context.Process(target=train_until_killed, args=arguments, daemon=True)
    process.start()
    process.join(timeout=300)
    # It was killed in the second epoch, without a chance to tidy up.
    assert process.exitcode == -signal.SIGKILL
    # It left the epoch that it had finished.
    assert len(Ledger(Store(str(tmp_path))).rows(spec.key)) == 1
    _assert_same(_finished(spec, tmp_path), undisturbed["pretrain"])
