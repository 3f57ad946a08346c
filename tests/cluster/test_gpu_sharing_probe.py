"""How many trials share a GPU: the choice by table, and the measurement where Ray gives out shares."""

import json
import subprocess
import sys

import pytest
from checkout import ROOT

from model.epoch_row import EpochRow
from model.training.context import Checkpoint
from orchestrator.cluster.gpu_sharing_probe import _Enough, _Timed, rates_until_no_gain


@pytest.mark.parametrize(
    ("rates", "most", "chosen"),
    [
        ([100, 190, 300, 310], 8, 4),  # three percent more is noise
        ([100, 104, 900, 900], 8, 1),  # what two do not gain is not tried with four
        ([100, 80, 70, 60], 8, 1),
        ([100, 190, 0, 900], 8, 2),  # four do not fit
        ([100, 190, 300, 600], 8, 8),
        ([100, 190, 300, 600], 7, 4),
        ([100, 190, 300, 600], 1, 1),
        ([100, 190, 300, 600], 0, 1),
        ([0, 0, 0, 0], 8, 1),
        ([0, 190, 300, 600], 8, 1),  # with nothing to compare, as when a node is still to come
    ],
)
def test_most_images_a_second_win_and_one_is_never_beaten(
    rates: list[float], most: int, chosen: int
) -> None:
    told = dict(zip((1, 2, 4, 8), rates, strict=True))
    found = rates_until_no_gain(told.__getitem__, most)
    assert max(found) == chosen
    assert found == {count: rate for count, rate in told.items() if count <= chosen}


def test_a_clock_that_starts_after_the_first_epoch() -> None:
    def epoch(number: int) -> tuple[EpochRow, Checkpoint]:
        row = EpochRow(number, number, 0.1, 1.0, None, None, None, 1.0, None, 32, 1.0, 0.0)
        return row, Checkpoint(number, {}, {})

    timed = _Timed(seconds=0.0)
    with pytest.raises(_Enough):
        timed.save(*epoch(1))
    assert timed.images == 0
    timed = _Timed(seconds=1e-9)
    timed.save(*epoch(1))
    with pytest.raises(_Enough):
        timed.save(*epoch(2))
    assert timed.images == 32


SCRIPT = """
import json, ray
from dataclasses import replace
from orchestrator.cluster import gpu_sharing_probe
from orchestrator.cluster.connection import configure
from orchestrator.study.graph import TrialSpec
from tests.support.tiny_trials import finetune
configure("local")
# Ray gives out shares of what it is told is a GPU; what trains here is a processor.
ray.init(address="local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
trial = TrialSpec(key="finetune-000000000000", recipe=finetune())
settings = gpu_sharing_probe.ProbeSettings(1, compiled=False, gpu=False, resident=2**20)
rates = [gpu_sharing_probe.images_per_second(trial.recipe, count, settings, 0.2) for count in (1, 2)]
print(json.dumps([rates, gpu_sharing_probe.probe(trial, 1, replace(settings, gpu=True))]))
"""


@pytest.mark.ray
def test_processes_that_share_a_gpu_are_measured_together() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rates, without_a_device = json.loads(done.stdout.splitlines()[-1])
    assert all(rate > 0 for rate in rates)
    # What fails on the device counts as no image at all, and does not end the study.
    assert without_a_device == {"1": 0.0}
