"""A trial's state in the ledger; an epoch is written while the next one is trained."""

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import safetensors.torch
import torch

from model.augment.cache import AugmentedCache
from model.epoch_row import EpochRow
from model.errors import InputError
from model.training.context import Checkpoint, TrainedInput
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


@dataclass(frozen=True)
class Ranks:
    """This process's place among the workers of its trial, and theirs on the cluster."""

    rank: int = 0
    world_size: int = 1
    placement_group: str | None = None
    """Of the trial's workers; None where Ray made none."""


@dataclass(frozen=True)
class Saved:
    """The state of a begun trial, as the ledger has it."""

    checkpoint: Checkpoint | None
    """The newest undamaged one."""
    rows: list[EpochRow]
    """Epochs up to the checkpoint: later ones are trained again."""
    damaged: list[int]
    """Epochs of checkpoints that were passed over."""


@dataclass
class LedgerContext:
    """A `model.training.context.TrainContext` whose state is in the ledger; see `open`."""

    trial: TrialSpec
    ledger: Ledger
    device: torch.device
    ranks: Ranks
    compiled: bool
    saved: Saved
    """What there was when this process took over."""

    def __post_init__(self) -> None:
        self.augmented = _AUGMENTED
        self._rows = list(self.saved.rows)
        self._writer = AsyncWriter()

    @classmethod
    def open(
        cls,
        trial: TrialSpec,
        ledger: Ledger,
        device: torch.device,
        ranks: Ranks | None = None,
        compiled: bool = False,
    ) -> "LedgerContext":
        """Read what the ledger holds of a trial, to go on from there.

        Args:
            ranks: None for a trial of one worker.
            compiled: whether to train through torch.compile.

        Raises:
            StoreError: the store does not answer.
        """
        return cls(trial, ledger, device, ranks or Ranks(), compiled, _saved(ledger, trial.key))

    @property
    def rank(self) -> int:
        """This worker's number, from 0."""
        return self.ranks.rank

    @property
    def world_size(self) -> int:
        """Workers of this trial."""
        return self.ranks.world_size

    def resume(self) -> Checkpoint | None:
        """The trial's newest undamaged checkpoint."""
        return self.saved.checkpoint

    def input(self, role: str) -> TrainedInput | None:
        """An input's recipe and final weights; a declared one that is not there is an error.

        Raises:
            DamagedError: the input is not done, or its weights are missing or changed.
        """
        key = self.trial.inputs.get(role)
        if key is None:
            return None
        weights = safetensors.torch.load(self.ledger.weights(key))
        return TrainedInput(self.ledger.spec(key).recipe, weights)

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


def _saved(ledger: Ledger, key: str) -> Saved:
    rows, damaged = _readable_rows(ledger, key), list[int]()
    for epoch, written in ledger.checkpoints(key):
        checkpoint = _parsed(written) if written and len(rows) >= epoch else None
        if checkpoint:
            return Saved(checkpoint, rows[:epoch], damaged)
        damaged.append(epoch)
    return Saved(None, [], damaged)


def _readable_rows(ledger: Ledger, key: str) -> list[EpochRow]:
    """The rows so far; none if they are damaged. A store that does not answer is an error."""
    try:
        return ledger.rows(key)
    except InputError:
        return []


def _parsed(saved: SavedCheckpoint) -> Checkpoint | None:
    """The checkpoint, or None where its bytes, though as they were written, are not one."""
    try:
        optimizer = torch.load(io.BytesIO(saved.optimizer), map_location="cpu", weights_only=True)
        return Checkpoint(saved.epoch, safetensors.torch.load(saved.weights), optimizer)
    except Exception:  # each reader has errors of its own, and all mean the same here
        return None
