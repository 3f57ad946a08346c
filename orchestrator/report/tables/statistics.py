"""Statistics of few numbers: intervals, paired tests, Holm's correction, seeds needed.

Numbers in, numbers out; knows neither studies nor records. All tests are two-sided.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

ALPHA = 0.05
"""Level of every test; intervals hold 1 - ALPHA."""
POWER = 0.8
"""Chance to find a difference of the observed size that `seeds_needed` asks for."""
MOST_SEEDS = 1000
"""Above this `seeds_needed` gives up."""
RESAMPLES = 9999


@dataclass(frozen=True)
class Difference:
    """A difference of two means, and what is known about its noise."""

    mean: float
    half: float | None = None
    """Half of the 95 % interval; None where no noise is known."""
    p: float | None = None
    """p value of no difference; None where nothing can be tested."""
    n: int = 1
    """Pairs."""
    test: str = "none"
    """Test that `half` and `p` rest on."""

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.half is None else self.mean - self.half

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.half is None else self.mean + self.half


PAIRED = "paired t over seeds"
FLIPS = "sign flips over seeds"
IMAGES = "two proportions, validation images alone"
PREDICTION = "one more run, t over seeds"


def paired(differences: Sequence[float]) -> Difference:
    """Paired t-test (Student 1908) of differences between two cells, one a seed.

    Equal differences have no spread to measure noise by: there the exact sign-flip test
    (Fisher 1935) speaks, whose p cannot go below 2 ** (1 - n).

    Raises:
        ValueError: fewer than two differences.
    """
    n, mean = len(differences), statistics.fmean(differences)
    if n < 2:
        raise ValueError("a paired test needs two seeds")
    if flat(differences):
        p = 1.0 if flat([0.0, mean]) else sign_flips(differences)
        return Difference(mean, None, p, n, FLIPS)
    error = statistics.stdev(differences) / math.sqrt(n)
    p = 2 * float(stats.t.sf(abs(mean) / error, n - 1))
    return Difference(mean, _quantile(n - 1) * error, p, n, PAIRED)


def sign_flips(differences: Sequence[float]) -> float:
    """p of the paired sign-flip test (Fisher 1935): no normality assumed, exact to 13 pairs.

    Under no difference each pair could as well have stood the other way round.

    Raises:
        ValueError: fewer than two differences.
    """
    if len(differences) < 2:
        raise ValueError("a paired test needs two seeds")
    return _sign_flips(tuple(differences))


@lru_cache(maxsize=4096)  # every format of a table asks again for the same comparisons
def _sign_flips(differences: tuple[float, ...]) -> float:
    result = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, rng=0
    )
    return float(result.pvalue)


def proportions(ours: float, n_ours: int, theirs: float, n_theirs: int) -> Difference:
    """Two accuracies of one network each, by the binomial noise of the images alone (Wald).

    On the same images the errors of two networks go together, so that the interval is too wide
    rather than too narrow. It says nothing about the noise between seeds.
    """
    error = math.hypot(binomial_error(ours, n_ours), binomial_error(theirs, n_theirs))
    if error == 0:
        return Difference(ours - theirs)
    p = 2 * float(stats.norm.sf(abs(ours - theirs) / error))
    half = float(stats.norm.isf(ALPHA / 2)) * error
    return Difference(ours - theirs, half, p, 1, IMAGES)


def binomial_error(share: float, n: int) -> float:
    """Standard error of an accuracy on n images, sqrt(p (1 - p) / n)."""
    return math.sqrt(share * (1 - share) / n)


def one_more(sample: Sequence[float], single: float) -> Difference:
    """A sample's mean minus a single value: the t-test of one case against a small sample.

    Crawford & Howell (1998); the same as the t-test of two samples of which one has one value.
    The noise of the single value is taken to be that of the sample. No p without spread.

    Raises:
        ValueError: fewer than two values.
    """
    n, mean = len(sample), statistics.fmean(sample)
    if n < 2:
        raise ValueError("no spread in fewer than two values")
    if flat(sample):
        return Difference(mean - single, n=n)
    error = statistics.stdev(sample) * math.sqrt(1 + 1 / n)
    p = 2 * float(stats.t.sf(abs(mean - single) / error, n - 1))
    return Difference(mean - single, _quantile(n - 1) * error, p, n, PREDICTION)


def bootstrap(values: Sequence[float]) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the mean (Efron 1979), always from the same draws.

    Too narrow for few values (of three values it holds 76 %, of ten 90 %, not 95 %); None for one.
    """
    if len(values) < 2:
        return None
    if flat(values):
        return min(values), max(values)
    result = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=RESAMPLES, rng=0)
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def holm(ps: Sequence[float | None], family: int = 0) -> list[float | None]:
    """p values adjusted for their number (Holm 1979); None stays and does not count.

    Args:
        family: how many tests these were chosen from after looking, if more. The others are
            taken to have p = 1: Holm over all of them would give the same p values or lower ones.
    """
    order = sorted((p, index) for index, p in enumerate(ps) if p is not None)
    tests = max(family, len(order))
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, index) in enumerate(order):
        highest = max(highest, min(1.0, (tests - rank) * p))
        adjusted[index] = highest
    return adjusted


def seeds_needed(differences: Sequence[float], tests: int = 1) -> int | None:
    """Seeds at which a paired t-test finds a difference like this one in four of five tries.

    By the noncentral t distribution, taking the observed mean and deviation for the true ones,
    which from few seeds is a rough guide. None: one seed, no spread, or more than 1000.

    Args:
        tests: how many tests share the level (Bonferroni).
    """
    if len(differences) < 2 or flat(differences):
        return None
    effect = abs(statistics.fmean(differences)) / statistics.stdev(differences)
    low, high = 1, MOST_SEEDS
    level = ALPHA / tests
    if _power(effect, high, level) < POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(effect, middle, level) >= POWER else (middle, high)
    return high


def trend(blocks: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """Page's test (1963) for values that grow along each block; exact where that is feasible.

    Args:
        blocks: two or more of three or more values, in the order in which they should grow.

    Returns:
        Page's L, p of no growth, and p of no fall; both one-sided.
    """
    falling = [list(reversed(block)) for block in blocks]
    up, down = stats.page_trend_test(blocks), stats.page_trend_test(falling)
    return float(up.statistic), float(up.pvalue), float(down.pvalue)


def flat(values: Sequence[float]) -> bool:
    """Whether values are equal up to the rounding of their arithmetic."""
    return max(values) - min(values) <= 1e-12 * max(1.0, *map(abs, values))


def _power(effect: float, n: int, level: float) -> float:
    # To find it the wrong way round is no success.
    return float(stats.nct.sf(_quantile(n - 1, level), n - 1, effect * math.sqrt(n)))


def _quantile(df: int, level: float = ALPHA) -> float:
    return float(stats.t.isf(level / 2, df))
