"""Learning rate by step: linear warm-up, constant, decay."""

import math

from model.config.training import ScheduleConfig


def learning_rate(
    step: int, steps_per_epoch: int, epochs: int, config: ScheduleConfig, peak: float
) -> float:
    """Learning rate of an optimiser step (Terentiev & Ivanenko 2024: 1e-9 to 1e-4 to 5e-5).

    Args:
        step: optimiser steps taken so far, from 0; the rate that the next step uses.
        steps_per_epoch: optimiser steps of one epoch.
        epochs: epochs of the whole training; beyond its end the rate stays where the decay ended.
        peak: rate between warm-up and decay, reached exactly when the warm-up ends.

    Returns:
        `start_lr` at step 0 (`peak` without warm-up), `config.end(peak)` once every step is taken
        (`peak` without decay). With `per="epoch"` each step has the rate of its epoch's first step.
    """
    if config.per == "epoch":
        step -= step % steps_per_epoch
    now = step / steps_per_epoch  # in epochs
    warmup, decay = config.warmup_length(epochs), config.decay_length(epochs)
    if now < warmup:
        return config.start_lr + (peak - config.start_lr) * now / warmup
    decay_start = epochs - decay
    if now < decay_start or not decay:
        return peak
    share, end = _remaining(min((now - decay_start) / decay, 1.0), config), config.end(peak)
    # The sum may miss the peak by a rounding.
    return peak if share == 1.0 else end + (peak - end) * share


def _remaining(decayed: float, config: ScheduleConfig) -> float:
    """Share of the decay still to come (1 to 0) once the share `decayed` of its time is over."""
    if config.decay == "step":
        return 0.0
    if config.decay == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * decayed))
    return 1.0 - decayed
