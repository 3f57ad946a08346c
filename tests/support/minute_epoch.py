"""One epoch that took a minute."""

from model.epoch_row import EpochRow

ROW = EpochRow(
    epoch=1, step=3, learning_rate=0.1, train_loss=0.5, train_accuracy=None,
    dev_loss=None, dev_accuracy=None, val_loss=0.25, val_accuracy=None,
    train_images=12, train_seconds=60.0, eval_seconds=0.0,
)  # fmt: skip
