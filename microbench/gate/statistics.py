"""The gate's statistics: pure functions on a handful of paired differences, one difference a process.

The differences are of logarithms, so that 0.05 is 5% slower. The only assumption is symmetry: were there no change,
each difference would be as likely above zero as below it by the same amount.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.statistics import Samples, hodges_lehmann

Distribution = NDArray[np.float64]


def signed_rank_p(values: Samples) -> float:
    """P-value of Wilcoxon's signed-rank test that the values lie above zero: one-sided, and exact.

    The probability, over all 2^n signs that the values might have had, of a sum of positive ranks at least as large as
    the one observed (Wilcoxon 1945; Hollander and Wolfe, Nonparametric Statistical Methods, section 3.1). Zeros have
    no direction and are left out, as Wilcoxon did; ties get the mean of their ranks, and the sums over the signs are
    enumerated with these ranks, so that the p-value stays exact, where a table of ranks without ties would not be.

    Args:
        values: n differences.

    Returns:
        1 if all are zero; never below 2^-n.

    >>> signed_rank_p(np.array([0.01, 0.02, 0.03]))
    0.125
    """
    values = values[values != 0]
    doubled = _doubled_midranks(np.abs(values))
    observed = int(doubled[values > 0].sum())
    return float(_sum_distribution(tuple(sorted(doubled.tolist())))[observed:].sum())


def hodges_lehmann_interval(values: Samples, *, confidence: float = 0.95) -> Interval:
    """The Hodges-Lehmann estimate with the interval of the signed-rank test (Hollander and Wolfe, section 3.3).

    The ends are the k-th smallest and the k-th largest of the averages of all pairs of values, with the largest k that
    still covers with `confidence`: for twelve values the 14th and the 65th of 78, which cover with 95.8%.

    Args:
        values: at least one difference.
        confidence: that the interval covers the true shift with.

    Returns:
        The estimate; its interval is unbounded where there are too few values (under six for 95%).
    """
    count = len(values)
    first, second = _pairs(count)
    averages = np.sort((values[first] + values[second]) / 2)
    below = np.cumsum(_sum_distribution(tuple(range(1, count + 1))))
    k = int(np.searchsorted(below, (1 - confidence) / 2, side="right"))
    low, high = (float(averages[k - 1]), float(averages[-k])) if k else (-math.inf, math.inf)
    return Interval(hodges_lehmann(values), low, high)


def _doubled_midranks(magnitudes: Samples) -> NDArray[np.int64]:
    """Twice the ranks from 1 on, ties sharing the mean of theirs: doubled, they are whole numbers."""
    _, inverse, counts = np.unique(magnitudes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    doubled: NDArray[np.int64] = (2 * last - counts + 1)[inverse].astype(np.int64)
    return doubled


@functools.lru_cache(maxsize=64)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = np.triu_indices(count)
    return first, second


@functools.lru_cache(maxsize=64)
def _sum_distribution(ranks: tuple[int, ...]) -> Distribution:
    """Probability of each sum from 0 on, if every rank is in it or not with equal chance.

    One rank after the other: sums without it and sums with it, half each. All are multiples of 2^-n, which doubles hold
    exactly for up to 52 ranks.
    """
    distribution = np.ones(1)
    for rank in ranks:
        distribution = (np.pad(distribution, (0, rank)) + np.pad(distribution, (rank, 0))) / 2
    return distribution
