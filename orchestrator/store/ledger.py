"""The ledger: what trials leave behind in the store, and the only truth about them.

Order of writing, so that a kill at any moment loses nothing finished: rows before the checkpoint
that covers them (rows past the latest checkpoint are cut on resume); a checkpoint's parts before
the small file that commits it; final weights before the outcome that names their checksum.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, ValidationError

from model.answers import Answers
from model.config.base import Config
from model.epoch_row import EpochRow
from model.errors import InputError
from orchestrator.store import schemas
from orchestrator.store.answers import answers_to_parquet
from orchestrator.store.checkpoints import (
    SavedCheckpoint,
    checkpoints_of,
    drop_checkpoints,
    save_checkpoint,
    sha256,
)
from orchestrator.store.naive_fills import read_fills
from orchestrator.store.paths import Paths
from orchestrator.store.store import Store, StoreError
from orchestrator.study.graph import TrialSpec

_NO_EPOCHS = schemas.EPOCHS.empty_table()


class Outcome(Config):
    """The end of a trial."""

    state: Literal["done", "failed"]
    reason: str | None = None
    """Why it failed."""
    final: bool = False
    """The same recipe would fail the same way: only an explicit retry trains it again."""
    weights_sha256: str | None = None
    """Checksum of the final weights of a trial that is done."""
    inputs_sha256: dict[str, str] = Field(default_factory=dict)
    """Role -> checksum of the weights that it was trained from."""
    finished_at: str
    """ISO 8601, UTC."""
    wall_seconds: float | None = None
    """From the first start to the end, waiting between attempts included."""
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def failure(self) -> str | None:
        """Why it failed, in words; None for success."""
        return (self.reason or "for an unknown reason") if self.state == "failed" else None


class DamagedError(RuntimeError):
    """A file of the store is missing or is not what was written."""


class Ledger:
    """Reads and writes one store's trials by their keys."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def trial_keys(self) -> list[str]:
        """Keys of all the store's trials."""
        return self.store.names(Paths.trials)

    def write_spec(self, trial: TrialSpec) -> None:
        """Record what the trial is, every default of its recipe spelled out.

        Written anew at every run: the images of an unfinished trial may have moved.
        """
        self.store.write_json(Paths.spec(trial.key), trial.model_dump(mode="json"))

    def spec(self, key: str) -> TrialSpec:
        """The trial itself.

        Raises:
            DamagedError: no such trial, or its record cannot be read.
        """
        content = self.store.read(Paths.spec(key))
        if content is None:
            raise DamagedError(f"trial {key}: no spec in {self.store.name}")
        try:
            return TrialSpec.model_validate_json(content)
        except ValidationError as error:
            raise DamagedError(f"trial {key}: spec.json: {error.errors()[0]['msg']}") from None

    def outcome(self, key: str) -> Outcome | None:
        """The trial's end, or None while it has not ended (an unreadable record counts as none)."""
        content = self.store.read(Paths.outcome(key))
        if content is None:
            return None
        try:
            return Outcome.model_validate_json(content)
        except ValidationError:  # cut short, not by us: it goes on from its checkpoint
            return None

    def begin_attempt(self, key: str, info: dict[str, Any]) -> int:
        """Note that the trial was started, and return how often it has been."""
        number = len(self.attempts(key)) + 1
        self.store.write_json(Paths.attempt(key, number), info)
        return number

    def attempts(self, key: str) -> list[str]:
        """Names of the notes of the trial's starts, oldest first."""
        return self.store.names(Paths.attempts(key))

    def notes(self, key: str) -> list[dict[str, Any]]:
        """The notes of the trial's starts, oldest first; empty ones where they cannot be read."""
        return [self._note(f"{Paths.attempts(key)}/{name}") for name in self.attempts(key)]

    def _note(self, name: str) -> dict[str, Any]:
        try:
            return self.store.read_json(name) or {}
        except ValueError:  # a note cut short is no reason to lose the training
            return {}

    def require(self, key: str) -> None:
        """Make sure that the trial's record is still where it was when the study began.

        Raises:
            StoreError: it is not; writing on would fill a folder that nobody looks into.
        """
        if self.store.read(Paths.spec(key)) is None:
            raise StoreError(f"store {self.store.name}: {Paths.spec(key)} is gone")

    def rows(self, key: str) -> list[EpochRow]:
        """The trial's epoch rows so far; see `epochs`."""
        return schemas.epoch_rows(self.epochs(key))

    def epochs(self, key: str) -> pa.Table:
        """The trial's epochs so far as `schemas.EPOCHS`; raises InputError if they are damaged."""
        content = self.store.read(Paths.epochs(key))
        try:
            return schemas.from_parquet(content, schemas.EPOCHS) if content else _NO_EPOCHS
        except InputError as error:
            raise InputError(
                f"{self.store.name}: {Paths.epochs(key)}: {error}; delete the folder "
                f"{Paths.trial(key)} to train it again"
            ) from None

    def naive_fill_losses(self, key: str, region: str = "all") -> dict[str, float]:
        """Losses of restoring without learning, on a trial's images and masks; see `read_fills`."""
        return read_fills(self.store, key, region)

    def save_naive_fill_losses(self, key: str, region: str, losses: Mapping[str, float]) -> None:
        """Keep what `naive_fill_losses` returns."""
        self.store.write_json(Paths.naive_fill_losses(key), {"region": region, **losses})

    def samples(self, key: str) -> pa.Table | None:
        """A pretrain trial's pictures; None where there are none, or none that can be read."""
        return schemas.readable(self.store.read(Paths.samples(key)), schemas.SAMPLES)

    def save_samples(self, key: str, samples: pa.Table) -> None:
        """Keep a pretrain trial's pictures, as `schemas.SAMPLES`."""
        self.store.write(Paths.samples(key), schemas.to_parquet(samples))

    def save_answers(self, key: str, answers: Answers) -> None:
        """Keep a classifier's answers; nothing once the trial is done, as in `save_epoch`."""
        if not self._is_done(key):
            self.store.write(Paths.answers(key), answers_to_parquet(key, answers))

    def answers(self, key: str) -> pa.Table | None:
        """A classifier's answers as `schemas.ANSWERS`; None where none can be read."""
        return schemas.readable(self.store.read(Paths.answers(key)), schemas.ANSWERS)

    def peek_rows(self, key: str) -> list[EpochRow]:
        """As `rows`, for those who only show them: none where they cannot be read just now."""
        try:
            return self.rows(key)
        except (OSError, InputError):
            return []

    def save_epoch(self, key: str, rows: list[EpochRow], checkpoint: SavedCheckpoint) -> None:
        """Record all rows up to an epoch, then the checkpoint that covers them.

        Nothing once the trial is done: another run was quicker, and its rows and weights stand.
        """
        if self._is_done(key):
            return
        self.store.write(Paths.epochs(key), schemas.epochs_to_parquet(key, rows))
        save_checkpoint(self.store, key, checkpoint)

    def checkpoints(self, key: str) -> Iterator[tuple[int, SavedCheckpoint | None]]:
        """Epochs with their checkpoints, newest first; None where the checksums do not hold."""
        return checkpoints_of(self.store, key)

    def latest_checkpoint(self, key: str) -> SavedCheckpoint | None:
        """The newest checkpoint whose checksums hold, or None; damaged ones are passed over."""
        return next((saved for _, saved in self.checkpoints(key) if saved), None)

    def weights(self, key: str) -> bytes:
        """The final weights of a trial that is done.

        Raises:
            DamagedError: the trial is not done, or its weights are missing or changed.
        """
        outcome = self.outcome(key)
        if outcome is None or outcome.state != "done":
            raise DamagedError(f"trial {key} is not done, so it has no weights")
        content = self.store.read(Paths.weights(key))
        if content is None:
            raise DamagedError(f"trial {key}: {Paths.weights(key)} is gone from {self.store.name}")
        if sha256(content) != outcome.weights_sha256:
            raise DamagedError(f"trial {key}: {Paths.weights(key)} is not what was written")
        return content

    def has_weights(self, key: str) -> bool:
        """Whether a trial is done and its final weights are there, unchanged."""
        try:
            return bool(self.weights(key))
        except DamagedError:
            return False

    def finish(self, key: str, weights: bytes, outcome: Outcome) -> None:
        """Record success, then drop the checkpoints, which nobody needs any more.

        The first to finish wins: a child may already have started from its weights.
        """
        if self._is_done(key):
            return
        self.store.write(Paths.weights(key), weights)
        done = outcome.model_copy(update={"weights_sha256": sha256(weights)})
        self.store.write(Paths.outcome(key), done.model_dump_json(indent=2).encode())
        drop_checkpoints(self.store, key)

    def fail(self, key: str, outcome: Outcome) -> None:
        """Record a failure, unless another run was done; checkpoints stay for another try."""
        if not self._is_done(key):
            self.store.write(Paths.outcome(key), outcome.model_dump_json(indent=2).encode())

    def forget_outcome(self, key: str, seen: Outcome | None = None) -> None:
        """Let a trial be trained again, from its last checkpoint if it has one.

        Args:
            seen: the outcome to forget; another one, which a run has written since, stays.
        """
        if seen is None or self.outcome(key) == seen:
            self.store.delete(Paths.outcome(key))

    def _is_done(self, key: str) -> bool:
        ended = self.outcome(key)
        return ended is not None and ended.state == "done"
