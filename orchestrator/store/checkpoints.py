"""A trial's checkpoints in the store: the parts of each, then a small file that commits it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.store.paths import Paths, committed_epoch
from orchestrator.store.store import Store

_KEPT = 2  # a damaged newest one must leave one to go on from


@dataclass(frozen=True)
class SavedCheckpoint:
    """A checkpoint's bytes, its checksums verified."""

    epoch: int
    weights: bytes
    optimizer: bytes

    @property
    def sums(self) -> dict[str, str]:
        """SHA-256 of each part, in hexadecimal."""
        return {"safetensors": sha256(self.weights), "pt": sha256(self.optimizer)}


def sha256(content: bytes) -> str:
    """The checksum that files of the store are told by."""
    return hashlib.sha256(content).hexdigest()


def save_checkpoint(store: Store, key: str, checkpoint: SavedCheckpoint) -> None:
    """Keep a trial's checkpoint and the one before it; drop older ones, and those of later epochs.

    Later ones are left by an attempt that this one could not go on from.
    """
    for part, content in (("safetensors", checkpoint.weights), ("pt", checkpoint.optimizer)):
        store.write(Paths.checkpoint(key, checkpoint.epoch, part), content)
    sums = {"sha256": checkpoint.sums}
    store.write_json(Paths.checkpoint(key, checkpoint.epoch, "json"), sums)
    epochs = _epochs(store, key)
    kept = [epoch for epoch in epochs if epoch <= checkpoint.epoch][-_KEPT:]
    for epoch in sorted(set(epochs) - set(kept)):
        _drop(store, key, epoch)


def checkpoints_of(store: Store, key: str) -> Iterator[tuple[int, SavedCheckpoint | None]]:
    """Epochs with their checkpoints, newest first; None where the checksums do not hold."""
    for epoch in reversed(_epochs(store, key)):
        yield epoch, _read(store, key, epoch)


def drop_checkpoints(store: Store, key: str) -> None:
    """Remove all checkpoints of a trial."""
    for epoch in _epochs(store, key):
        _drop(store, key, epoch)


def _epochs(store: Store, key: str) -> list[int]:
    epochs = map(committed_epoch, store.names(Paths.checkpoints(key)))
    return sorted(epoch for epoch in epochs if epoch is not None)


def _read(store: Store, key: str, epoch: int) -> SavedCheckpoint | None:
    try:
        sums = (store.read_json(Paths.checkpoint(key, epoch, "json")) or {}).get("sha256")
    except ValueError:
        return None
    weights = store.read(Paths.checkpoint(key, epoch, "safetensors"))
    optimizer = store.read(Paths.checkpoint(key, epoch, "pt"))
    if weights is None or optimizer is None:
        return None
    checkpoint = SavedCheckpoint(epoch, weights, optimizer)
    return checkpoint if checkpoint.sums == sums else None


def _drop(store: Store, key: str, epoch: int) -> None:
    for part in ("json", "safetensors", "pt"):  # the committing file first
        store.delete(Paths.checkpoint(key, epoch, part))
