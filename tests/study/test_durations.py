"""Seconds as text."""

import pytest

from orchestrator.study.durations import clock, duration


@pytest.mark.parametrize(
    ("seconds", "stopwatch", "words"),
    [
        (0, "0:00", "0.0 s"),
        (7.34, "0:07", "7.3 s"),
        (59.99, "1:00", "1 min 0 s"),
        (2523, "42:03", "42 min 3 s"),
        (3599.7, "1:00:00", "1 h 0 min"),
        (11225, "3:07:05", "3 h 7 min"),
        (3600 * 1234, "1234:00:00", "1,234 h 0 min"),
    ],
)
def test_a_duration_on_a_stopwatch_and_in_words(seconds: float, stopwatch: str, words: str) -> None:
    assert (clock(seconds), duration(seconds)) == (stopwatch, words)
