"""What a metric is: its unit, its direction, its digits."""

from dataclasses import fields

import pytest

from model.epoch_row import EpochRow
from orchestrator.study.metrics import METRICS, metrics_of


def test_every_metric_of_an_epoch_is_known() -> None:
    recorded = {field.name for field in fields(EpochRow)}
    assert {name for name in recorded if name.endswith(("_loss", "_accuracy"))} == set(METRICS)


def test_a_pretraining_has_losses_alone() -> None:
    assert set(metrics_of("restore")) == {"train_loss", "dev_loss", "val_loss"}
    assert set(metrics_of("classify")) == set(METRICS)


@pytest.mark.parametrize(
    ("task", "name", "unit", "better", "shown"),
    [
        ("restore", "val_loss", "L1 in [0,1]", "lower", "0.4471"),
        ("classify", "train_loss", "nats", "lower", "0.4471"),
        ("classify", "val_accuracy", "share in [0,1]", "higher", "44.7%"),
    ],
)
def test_unit_direction_and_digits(
    task: str, name: str, unit: str, better: str, shown: str
) -> None:
    metric = metrics_of(task)[name]
    assert (metric.name, metric.unit, metric.better) == (name, unit, better)
    assert metric.show(0.44711) == shown
    # The same on other images.
    assert metric.on("dev") == metrics_of(task)["dev_" + name.partition("_")[2]]
