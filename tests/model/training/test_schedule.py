import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from model.config.training import ScheduleConfig
from model.training.schedule import learning_rate

_STEPS = 657  # of one epoch: 84,000 images in batches of 128
_PEAK = 1e-4


def _rate(step: int, epochs: int = 50, **changes: object) -> float:
    return learning_rate(step, _STEPS, epochs, ScheduleConfig(**changes), _PEAK)


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 1e-9), (5, 1e-4), (20, 1e-4), (35, 1e-4), (41, 8e-5), (50, 5e-5)]
)
def test_rates_of_the_paper(epoch, rate):
    # First 5 epochs 1e-9 -> 1e-4, last 15 -> 5e-5 (Terentiev & Ivanenko 2024).
    assert _rate(epoch * _STEPS) == pytest.approx(rate, rel=1e-12)


def _theirs(name: str, steps: int, **options: float) -> list[float]:
    """Rates of one of torch's own schedulers, which know nothing of epochs."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=_PEAK)
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    rates = []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def test_warm_up_equals_torch():
    steps = 5 * _STEPS
    theirs = _theirs("LinearLR", steps, start_factor=1e-5, end_factor=1, total_iters=steps)
    # 1e-9 is the peak times torch's start factor of 1e-5.
    assert [_rate(step) for step in range(steps)] == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(
    ("decay", "name", "options"),
    [
        ("linear", "LinearLR", {"start_factor": 1, "end_factor": 0.5, "total_iters": 15 * _STEPS}),
        ("cosine", "CosineAnnealingLR", {"T_max": 15 * _STEPS, "eta_min": 5e-5}),
        ("step", "ConstantLR", {"factor": 0.5, "total_iters": 15 * _STEPS + 1}),
    ],
)
def test_decay_equals_torch(decay, name, options):
    steps = range(35 * _STEPS, 50 * _STEPS)
    ours = [_rate(step, decay=decay) for step in steps]
    # The decay that begins after epoch 35 is torch's, started there.
    assert ours == pytest.approx(_theirs(name, len(steps), **options), rel=1e-6)


def test_per_epoch_holds_the_rate_of_the_epochs_first_step():
    for step in (0, 1, _STEPS - 1, _STEPS, 3 * _STEPS + 7, 41 * _STEPS + 656):
        first = step // _STEPS * _STEPS
        assert _rate(step, per="epoch") == _rate(first)


def test_no_warm_up_starts_at_the_peak():
    assert _rate(0, warmup_epochs=0) == _PEAK


def test_no_decay_stays_at_the_peak():
    # Even at the end and beyond.
    assert {_rate(epoch * _STEPS, decay_epochs=0) for epoch in (5, 49, 50, 51)} == {_PEAK}


def test_after_the_end_the_rate_stays():
    assert _rate(51 * _STEPS) == _rate(50 * _STEPS) == 5e-5


@given(
    warmup=st.floats(0, 4),
    decay=st.floats(0, 4),
    steps=st.integers(1, 9),
    shape=st.sampled_from(["linear", "cosine", "step"]),
    per=st.sampled_from(["step", "epoch"]),
)
def test_rises_then_falls_within_its_bounds(warmup, decay, steps, shape, per):
    config = ScheduleConfig(warmup_epochs=warmup, decay_epochs=decay, decay=shape, per=per)
    rates = [learning_rate(step, steps, 8, config, _PEAK) for step in range(8 * steps + 1)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) >= 1e-9
    # The peak itself is reached, since warm-up and decay do not overlap here, unless the rate drops
    # before any step comes after the warm-up.
    times = range(0, 8 * steps + 1, steps if per == "epoch" else 1)
    between = any(warmup <= time / steps < 8 - decay for time in times)
    assert math.isclose(max(rates), _PEAK) or (shape == "step" and not between)
