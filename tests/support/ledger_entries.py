"""What a trial leaves in a ledger, small and told apart at a glance."""

from dataclasses import replace

from model.epoch_row import EpochRow
from orchestrator.store.checkpoints import SavedCheckpoint
from orchestrator.store.ledger import Outcome

DONE = Outcome(state="done", finished_at="2026-01-01", wall_seconds=1.5)
FAILED = Outcome(state="failed", reason="Diverged: loss nan", final=True, finished_at="2026-01-01")
ROW = EpochRow(
    epoch=1, step=4, learning_rate=1e-4, train_loss=0.5, train_accuracy=None, dev_loss=None,
    dev_accuracy=None, val_loss=0.25, val_accuracy=None, train_images=12, train_seconds=1.5,
    eval_seconds=0.5,
)  # fmt: skip


def rows(count: int) -> list[EpochRow]:
    return [replace(ROW, epoch=epoch, step=4 * epoch) for epoch in range(1, count + 1)]


def checkpoint(epoch: int) -> SavedCheckpoint:
    return SavedCheckpoint(epoch, b"weights %d" % epoch, b"optimizer %d" % epoch)
