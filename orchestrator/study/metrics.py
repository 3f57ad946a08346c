"""The metrics of a trial: unit, direction and how a person reads them."""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One number of a trial's epoch."""

    name: str
    """Column of the records, `<split>_<quantity>`."""
    unit: str
    better: Literal["higher", "lower"]
    format: str
    """As `format()` takes it."""

    @property
    def is_accuracy(self) -> bool:
        """Whether it is a share of images, counted one by one, rather than a mean of losses."""
        return self.unit == SHARE

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if self.better == "higher" else -1

    @property
    def split(self) -> str:
        """Images it is measured on: `train`, `dev` or `val`."""
        return self.name.partition("_")[0]

    def on(self, split: str) -> "Metric":
        """The same quantity on other images."""
        return replace(self, name=f"{split}_{self.name.partition('_')[2]}")

    def show(self, value: float) -> str:
        """A value as a person reads it: `44.7%`, or a loss to four digits."""
        return format(value, self.format)


SHARE = "share in [0,1]"
LOSS_UNITS = {"restore": "L1 in [0,1]", "classify": "nats"}
"""Unit of a loss, by task."""

_LOSS = Metric("val_loss", " or ".join(LOSS_UNITS.values()), "lower", ".4f")
_ACCURACY = Metric("val_accuracy", SHARE, "higher", ".1%")
METRICS = {
    metric.name: metric
    for split in ("train", "dev", "val")
    for metric in (_LOSS.on(split), _ACCURACY.on(split))
}
"""Every metric by name."""


def metrics_of(task: str) -> dict[str, Metric]:
    """The metrics that trials of a task have, by name, each in the unit it has there."""
    losses = {
        name: replace(metric, unit=LOSS_UNITS[task])
        for name, metric in METRICS.items()
        if not metric.is_accuracy
    }
    return losses if task == "restore" else METRICS | losses
