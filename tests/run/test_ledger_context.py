"""Epochs are written while the next one is trained, one at a time, and as they were."""

import threading
from pathlib import Path

import pytest
import safetensors.torch
from tiny_trials import CPU, Stopped, before_each_step, finetune, images_of, stop_before

from model.training.context import LocalContext
from model.training.fit import fit
from orchestrator.run.ledger_context import AsyncWriter, LedgerContext
from orchestrator.store.ledger import Ledger
from orchestrator.store.store import Store
from orchestrator.study.graph import TrialSpec, trial_key

RECIPE = finetune()
SPEC = TrialSpec(key=trial_key(RECIPE, {}), recipe=RECIPE)
STEPS = 4


class SlowStore(Store):
    """Writes nothing before it is told to."""

    may_write = threading.Event()

    def write(self, name: str, content: bytes, flushed: bool = True) -> None:
        assert self.may_write.wait(timeout=50), "the training waits for the write"
        super().write(name, content, flushed)


def test_an_epoch_is_written_while_the_next_one_is_trained(tmp_path: Path) -> None:
    Ledger(Store(str(tmp_path))).write_spec(SPEC)
    slow = SlowStore(str(tmp_path))

    def stop_late(step: int, _: object) -> None:
        if step == 2 * STEPS - 1:  # the second epoch is almost over
            slow.may_write.set()
            raise Stopped

    with pytest.raises(Stopped), before_each_step(stop_late):
        fit(RECIPE, images_of(), LedgerContext.open(SPEC, Ledger(slow), CPU))
    saved = Ledger(slow).latest_checkpoint(SPEC.key)
    assert saved is not None
    assert saved.epoch == 1
    # Not what the second epoch had made of it meanwhile.
    undisturbed = LocalContext()
    with pytest.raises(Stopped), before_each_step(stop_before(STEPS)):
        fit(RECIPE, images_of(), undisturbed)
    assert undisturbed.checkpoint is not None
    assert saved.weights == safetensors.torch.save(undisturbed.checkpoint.weights)


def test_a_write_waits_for_the_one_before_and_tells_its_error_once() -> None:
    writer, order = AsyncWriter(), []
    may_end = threading.Event()

    def first() -> None:
        may_end.wait(timeout=50)
        order.append("first")
        raise OSError("no space")

    writer.submit(first)
    threading.Timer(0.05, may_end.set).start()
    with pytest.raises(OSError, match="no space"):
        writer.submit(lambda: order.append("never"))
    writer.submit(lambda: order.append("second"))
    writer.flush()
    writer.flush()
    assert order == ["first", "second"]
