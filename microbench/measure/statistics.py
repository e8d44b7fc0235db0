"""Pure functions on samples: the median, how sure it is, and what may be said of the tail."""

from __future__ import annotations

import math
import statistics
from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval

Samples = NDArray[np.float64]

MIN_SAMPLES_FOR_P99 = 662
"""Below this, the distribution-free 95% interval of the 99th percentile has no upper end with room to spare:
P(fewer than 2 of n samples lie beyond it) = 0.99^n + n 0.01 0.99^(n-1) falls under 1% from n = 662 on."""

_RESAMPLES = 400
_CONFIDENCE = 0.95
# Two-sided 95% quantiles of Student's t for 1 to 30 degrees of freedom (any table); beyond, the expansion below.
_T_975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip


def student_t_975(degrees_of_freedom: int) -> float:
    """The 97.5% quantile of Student's t (Abramowitz and Stegun 26.7.5 beyond 30 degrees of freedom)."""
    if degrees_of_freedom < 1:
        return math.inf
    if degrees_of_freedom <= len(_T_975):
        return _T_975[degrees_of_freedom - 1]
    z = statistics.NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    n = float(degrees_of_freedom)
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)


def median_interval(generations: Sequence[Samples], *, seed: int = 0) -> Interval:
    """The median of all samples and its 95% interval by a bootstrap over generations.

    Samples taken close together share what is around them: the same memory layout, the same clock frequency, the same
    neighbours. Resampling single samples would call that precision. So whole generations (one load of the model and
    the rounds timed with it) are resampled, the standard error is widened by sqrt(G / (G - 1)), and Student's t with
    G - 1 degrees of freedom gives the width: the percentile interval is too narrow for the ten or so generations that
    there are (Davison and Hinkley 1997, sections 2.4 and 3.8). Works on logarithms, as latencies are positive.

    Args:
        generations: one array of positive samples for each generation.
        seed: of the bootstrap.

    Returns:
        The interval; from a single generation its ends are 0 and infinity, as nothing is known of the others.
    """
    pooled = np.concatenate(list(generations))
    median = float(np.median(pooled))
    count = len(generations)
    if count < 2:
        return Interval(median, 0.0, math.inf)
    resampled = _bootstrap_medians(generations, seed)
    error = float(np.std(np.log(resampled), ddof=1)) * math.sqrt(count / (count - 1))
    reach = student_t_975(count - 1) * error
    return Interval(median, median * math.exp(-reach), median * math.exp(reach))


def _bootstrap_medians(generations: Sequence[Samples], seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    count = len(generations)
    chosen = rng.integers(0, count, size=(_RESAMPLES, count))
    lengths = {len(generation) for generation in generations}
    if len(lengths) == 1:
        stacked = np.stack(list(generations))
        medians: Samples = np.median(stacked[chosen].reshape(_RESAMPLES, -1), axis=1)
        return medians
    return np.array([np.median(np.concatenate([generations[i] for i in row])) for row in chosen])


def unpaired_ratio_interval(numerator: Interval, denominator: Interval) -> Interval:
    """The ratio of two positive quantities that were measured apart, with its 95% interval.

    The logarithms' distances to their own bounds add up as squares (MOVER: Zou and Donner 2008, doi 10.1002/sim.3095).
    Of rows that were sampled side by side it is too wide; see `microbench.measure.undisturbed.ratio_interval`.
    """
    ratio = numerator.estimate / denominator.estimate
    down = math.hypot(math.log(numerator.estimate / numerator.low), math.log(denominator.high / denominator.estimate))
    up = math.hypot(math.log(numerator.high / numerator.estimate), math.log(denominator.estimate / denominator.low))
    return Interval(ratio, ratio * math.exp(-down), ratio * math.exp(up))


def hodges_lehmann(values: Samples) -> float:
    """The median of the averages of all pairs of values, each with itself too (Hodges and Lehmann 1963).

    Nearly as efficient as the mean where the values are normal, and like the median unmoved by a few that are not.
    """
    first, second = np.triu_indices(len(values))
    return float(np.median((values[first] + values[second]) / 2))


def spread(generations: Sequence[Samples]) -> float:
    """Relative standard deviation of the generations' lower quartiles: how much one load differs from the next.

    The lower quartile rather than the median, as a neighbour who holds up half of a generation's windows says nothing
    of the load.
    """
    if len(generations) < 2:
        return 0.0
    return float(np.std(np.log([float(np.quantile(generation, 0.25)) for generation in generations]), ddof=1))


def p99(samples: Samples) -> Optional[float]:
    """The 99th percentile, or None where there are too few samples to say anything of it."""
    return float(np.quantile(samples, 0.99)) if len(samples) >= MIN_SAMPLES_FOR_P99 else None
