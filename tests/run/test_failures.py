"""What is said of a failed trial: the error that matters, and what to change."""

import pytest
import torch
from ray.train import WorkerGroupError
from tiny_trials import pretrain

from model.training.trainer import Diverged
from orchestrator.run.failures import OutOfMemory, advice, cause, lacks_memory
from orchestrator.store.store import StoreError
from orchestrator.study.graph import TrialSpec


class _Wrapped(Exception):
    """As Ray wraps what a worker raised."""

    def __init__(self, error: Exception) -> None:
        super().__init__("a long traceback")
        self._base_exc = error


def test_ours_goes_before_what_it_did_to_its_neighbours() -> None:
    lost = RuntimeError("Connection closed by peer")
    ours = StoreError("store s: cannot write x: No space left on device")
    failed = WorkerGroupError("...", {0: _Wrapped(lost), 1: _Wrapped(ours)})
    assert cause(failed) is ours
    memory = torch.OutOfMemoryError("CUDA out of memory")
    assert cause(WorkerGroupError("...", {0: lost, 1: _Wrapped(memory)})) is memory


def test_without_one_of_ours_it_is_the_first_or_the_error_itself() -> None:
    lost = RuntimeError("Connection closed by peer")
    assert cause(WorkerGroupError("...", {0: _Wrapped(lost)})) is lost
    assert cause(Diverged("nan")).args == ("nan",)
    assert cause(WorkerGroupError("no worker said why", {})).args


def test_a_lack_of_memory_is_known_in_all_its_forms() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**46)
    # PyTorch on this very CPU.
    assert lacks_memory(caught.value)
    assert lacks_memory(MemoryError())
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert lacks_memory(RuntimeError("1 worker was killed due to the node running low on memory."))
    assert not lacks_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_the_advice_names_trial_batch_model_and_what_to_change() -> None:
    told = advice(TrialSpec(key="pretrain-0123456789ab", recipe=pretrain(batch_size=3)))
    for word in (
        "pretrain-0123456789ab", "batches of 3 images of 16x16", "channels [4, 8]",
        "1 blocks of width 8", "runtime.num_workers", "runtime.max_concurrent", "batch_size",
    ):  # fmt: skip
        assert word in told
    assert str(OutOfMemory(told)) == told
