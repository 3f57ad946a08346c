"""Writing behind the training's back: an epoch is kept while the next one is trained."""

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import safetensors.torch
import torch
from torch import Tensor

from model.augment.cache import AugmentedCache
from model.epoch_row import EpochRow
from model.errors import InputError
from model.training.context import Checkpoint
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Ledger
from orchestrator.study.graph import TrialSpec


class AsyncWriter:
    """One write at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        self._writing: Future[None] | None = None

    def submit(self, write: Callable[[], None]) -> None:
        """Start a write once the one before it is through; raises what that one raised."""
        self.flush()
        self._writing = self._thread.submit(write)

    def flush(self) -> None:
        """Until nothing is being written; raises what the last write raised, once."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()


# What this process augmented: the inline executor trains one trial after the other in it.
_AUGMENTED = AugmentedCache()


class LedgerContext:
    """A `model.training.fit.TrainContext` whose state lies in the ledger."""

    def __init__(self, trial: TrialSpec, ledger: Ledger, device: torch.device) -> None:
        self.rank = 0
        self.world_size = 1
        self.device = device
        self.compiled = False
        self.augmented = _AUGMENTED
        self.trial = trial
        self.ledger = ledger
        self.placement_group: str | None = None
        """Where Ray placed the trial's workers, if it did."""
        self.damaged: list[int] = []
        """Epochs of checkpoints that were found damaged and passed over."""
        self._rows: list[EpochRow] = []
        self._writer = AsyncWriter()
        self._checkpoint = self._find()

    def _find(self) -> Checkpoint | None:
        rows = self._readable_rows()
        for epoch, saved in self.ledger.checkpoints(self.trial.key):
            checkpoint = _parsed(saved) if saved and len(rows) >= epoch else None
            if checkpoint:
                self._rows = rows[:epoch]  # rows past it are trained again
                return checkpoint
            self.damaged.append(epoch)
        return None

    def _readable_rows(self) -> list[EpochRow]:
        """The rows so far; none if they are damaged. A store that does not answer is an error."""
        try:
            return self.ledger.rows(self.trial.key)
        except InputError:
            return []

    def resume(self) -> Checkpoint | None:
        """The trial's newest undamaged checkpoint."""
        return self._checkpoint

    def parent_weights(self) -> dict[str, Tensor] | None:
        """The parent's final weights; a declared parent that is not there is an error.

        Raises:
            DamagedError: the parent is not done, or its weights are missing or changed.
        """
        if self.trial.parent is None:
            return None
        return safetensors.torch.load(self.ledger.weights(self.trial.parent))

    def save(self, row: EpochRow, checkpoint: Checkpoint) -> None:
        """Write the rows so far and the checkpoint, while training goes on.

        At the paper's size the files are 96 MB an epoch, which a GPU trains in seconds.
        """
        self._rows.append(row)
        rows, copied = list(self._rows), checkpoint.copied()
        self._writer.submit(lambda: self._write(rows, copied))

    def settle(self) -> None:
        """Wait for the last epoch's files.

        Raises:
            StoreError: they could not be written.
        """
        self._writer.flush()

    def _write(self, rows: list[EpochRow], checkpoint: Checkpoint) -> None:
        self.ledger.require(self.trial.key)
        optimizer = io.BytesIO()
        torch.save(checkpoint.optimizer, optimizer)
        weights = safetensors.torch.save(checkpoint.weights)
        saved = SavedCheckpoint(checkpoint.epoch, weights, optimizer.getvalue())
        self.ledger.save_epoch(self.trial.key, rows, saved)


def _parsed(saved: SavedCheckpoint) -> Checkpoint | None:
    """The checkpoint, or None where its bytes, though as they were written, are not one."""
    try:
        optimizer = torch.load(io.BytesIO(saved.optimizer), map_location="cpu", weights_only=True)
        return Checkpoint(saved.epoch, safetensors.torch.load(saved.weights), optimizer)
    except Exception:  # each reader has errors of its own, and all mean the same here
        return None
