"""The undisturbed latency: what a device does when it is left alone, estimated on a machine that may not be.

Neighbours on a shared machine only ever add time, so what is undisturbed lies at the lower edge of the windows. The
estimate must not depend on how many windows were taken, as the fastest of all windows does, and must keep the memory
layout in it, of which each load of the model is one draw.

**Definition.** Draw a load of the model and four of its windows. The undisturbed latency is the value that the fastest
of the four stays below in a quarter of such draws.

**Estimate.** With n windows in a load, the window of rank j is the fastest of four drawn without replacement with the
probability C(n - j, 3) / C(n, 4). Each window has this weight, all loads have the same, and the weighted quartile is
taken. It is the quantile of a U-statistic's distribution (Hoeffding 1948), so that its expectation is the same for 4
windows in a load as for 40. (With fewer than four, the fastest stands for the fastest of four, and is higher.)

**Properties**, by the study in `results/studies/latency_estimators/`:

- Half of the loads give the same as the other half to 0.4% (median row) on a virtual machine whose neighbours disturb
  three windows of four, where the median of all windows differs by several percent.
- Half of the windows of each load move it by less than 0.1% (median row).
- Left alone it is lower than the median, by about one standard deviation of the windows and, where loads differ, by two
  thirds of a standard deviation of the loads: 1.2% in the quiet records. So only undisturbed latencies are compared
  with each other.
- Disturbances that hit a share of the windows at random move it up, as fewer undisturbed ones are left to be the
  fastest: by half of the windows' own standard deviation at 50%, by one and a half at 80%. The interval's lower bound
  allows for that; it then holds the true value in 90% of cases or more at 50%, but in as few as 72% at 80%.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.statistics import Samples, hodges_lehmann, student_t_975

DRAWN = 4
"""Windows of a load of which the fastest counts."""
QUANTILE = 0.25
"""Of the draws, which the estimate is above."""
UNDISTURBED_SHARE = 0.125
"""Of the windows, down to which the interval's lower bound allows for disturbed ones."""
RESAMPLES = 200
_ALL_BELOW = 6
_ENOUGH = 0.8
"""From so many loads on, a resample's quartile lies below this share of all windows' weight but by a chance of nothing:
what lies above need not be looked at."""


def undisturbed(loads: Sequence[Samples]) -> float:
    """The undisturbed latency, in the unit of the samples.

    >>> quiet = [np.array([1.00, 1.01, 1.02, 1.03]), np.array([1.00, 1.01, 1.02, 1.04])]
    >>> disturbed = [np.array([1.00, 1.55, 1.31, 1.03]), np.array([1.00, 1.33, 1.02, 1.71])]
    >>> float(undisturbed(quiet)), float(undisturbed(disturbed))
    (1.0, 1.0)

    Args:
        loads: one array of positive samples for each load of the model.
    """
    return float(Windows(loads).estimate())


def undisturbed_interval(loads: Sequence[Samples], *, seed: int = 0) -> Interval:
    """The undisturbed latency and its 95% interval.

    The sampling error is that of a bootstrap over loads, on logarithms, widened by sqrt(L / (L - 1)) and by Student's t
    with L - 1 degrees of freedom, as in `median_interval`. The lower bound lies lower still, by as much as the estimate
    would fall if only an eighth of the windows were undisturbed: disturbances move it up, never down.

    Args:
        loads: one array of positive samples for each load of the model.
        seed: of the bootstrap.

    Returns:
        The interval; from a single load its bounds are 0 and infinity, as nothing is known of the others.
    """
    windows = Windows(loads)
    estimate = float(windows.estimate())
    count = len(loads)
    if count < 2:
        return Interval(estimate, 0.0, math.inf)
    resampled = windows.estimate(resampled_counts(count, seed))
    reach = _reach(float(np.std(np.log(resampled), ddof=1)), count)
    return Interval(estimate, estimate * math.exp(-reach - windows.shift()), estimate * math.exp(reach))


def ratio_interval(numerator: Sequence[Samples], denominator: Sequence[Samples]) -> Interval:
    """The ratio of two undisturbed latencies with its 95% interval, from generations that were sampled side by side.

    Generation by generation the undisturbed latencies of the two loads are compared, so that what disturbed both, or
    slowed the machine down for a while, is in no ratio. The estimate is that of Hodges and Lehmann on the ratios'
    logarithms, its interval a bootstrap's over generations with Student's t, as in `median_interval`: a generation in
    which one side was held up moves it little.

    Raises:
        ValueError: fewer than two generations, or not the same number on both sides.
    """
    _require_pairs(numerator, denominator)
    pairs = zip(numerator, denominator)
    logs = np.array([math.log(undisturbed([first]) / undisturbed([second])) for first, second in pairs])
    count = len(logs)
    drawn = logs[np.random.default_rng(0).integers(0, count, size=(RESAMPLES, count))]
    first, second = np.triu_indices(count)
    resampled = np.median((drawn[:, first] + drawn[:, second]) / 2, axis=1)
    centre = hodges_lehmann(logs)
    reach = _reach(float(np.std(resampled, ddof=1)), count)
    return Interval(math.exp(centre), math.exp(centre - reach), math.exp(centre + reach))


def difference_interval(minuend: Sequence[Samples], subtrahend: Sequence[Samples]) -> Interval:
    """The difference of two undisturbed latencies with its 95% interval, from generations sampled side by side.

    A resample of the bootstrap has the same generations of both. Each bound allows for the shift that disturbances may
    have given to the side that moves it; see `undisturbed_interval`.

    Raises:
        ValueError: fewer than two generations, or not the same number on both sides.
    """
    _require_pairs(minuend, subtrahend)
    first, second = Windows(minuend), Windows(subtrahend)
    counts = resampled_counts(len(minuend), 0)
    reach = _reach(float(np.std(first.estimate(counts) - second.estimate(counts), ddof=1)), len(minuend))
    difference = float(first.estimate() - second.estimate())
    lower, higher = (float(side.estimate()) * -math.expm1(-side.shift()) for side in (first, second))
    return Interval(difference, difference - reach - lower, difference + reach + higher)


def _require_pairs(first: Sequence[Samples], second: Sequence[Samples]) -> None:
    if len(first) != len(second) or len(first) < 2:
        raise ValueError("A comparison needs the same number of generations on both sides, at least two.")


def _reach(error: float, loads: int) -> float:
    """Half of the interval's width for a bootstrap's standard error; see `median_interval`."""
    return student_t_975(loads - 1) * error * math.sqrt(loads / (loads - 1))


def windows_worth_taking(loads: Sequence[Samples], *, load_cost: float, window_cost: float) -> int:
    """How many windows of each load make the most of the time.

    The mean over L loads of n windows has an error of the variance (b + w / n) / L, with b the variance between loads
    and w that of one window; each load costs `load_cost` + n `window_cost`. For a given sum of costs it is smallest at
    n = sqrt(w / b * load_cost / window_cost) (Cochran 1977, section 10.6). Both variances are those of the logarithm of
    a load's fastest of four, w by the jackknife.

    Args:
        loads: at least two arrays of positive samples.
        load_cost: what one more load costs, e.g. in seconds.
        window_cost: what one more window costs, in the same unit.

    Returns:
        Its rounded value, as many as were taken on average where neither loads nor windows differ, and four times as
        many where only windows do.
    """
    taken = sum(len(load) for load in loads) / len(loads)
    levels, variances = zip(*[_log_fastest(load) for load in loads])
    within = float(np.mean(variances))
    between = float(np.var(levels, ddof=1)) - within
    if within == 0 or window_cost <= 0:
        return round(taken) if between <= 0 else min(DRAWN, round(taken))
    if between <= 0:
        return round(4 * taken)
    return round(min(math.sqrt(within * taken / between * load_cost / window_cost), 4 * taken))


def _log_fastest(load: Samples) -> tuple[float, float]:
    """The logarithm of a load's fastest of four, on average, and its variance over the windows by the jackknife."""
    logs, count = np.log(np.sort(load)), len(load)
    level = float(np.sum(fastest_weights(count) * logs))
    if count < 2:
        return level, 0.0
    # Without the window of rank i, those before it keep their rank, and those behind it move up by one.
    weights = fastest_weights(count - 1)
    before = np.concatenate([[0.0], np.cumsum(weights * logs[:-1])])
    behind = np.concatenate([np.cumsum((weights * logs[1:])[::-1])[::-1], [0.0]])
    return level, float(np.var(before + behind)) * (count - 1)


@functools.lru_cache(maxsize=64)
def resampled_counts(loads: int, seed: int, resamples: int = RESAMPLES) -> NDArray[Any]:
    """How often each load is drawn in each resample of the bootstrap: shape (resamples, loads)."""
    drawn = np.random.default_rng(seed).integers(0, loads, size=(resamples, loads))
    places = drawn + loads * np.arange(resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=loads * resamples).reshape(resamples, loads)
    counts.flags.writeable = False  # it is given to all who ask
    return counts


class Windows:
    """The windows of all loads in order, ready for the weighted quartile under any counts of the loads."""

    def __init__(self, loads: Sequence[Samples]) -> None:
        """`loads` are arrays of positive samples, none of them empty."""
        pooled = np.concatenate([np.sort(load) for load in loads])
        weights = np.concatenate([fastest_weights(len(load)) for load in loads])
        order = np.argsort(pooled, kind="stable")
        if len(loads) >= _ALL_BELOW:
            order = order[: 2 + int(np.searchsorted(np.cumsum(weights[order]), _ENOUGH * len(loads)))]
        self._values = pooled[order]
        self._load = np.repeat(np.arange(len(loads)), [len(load) for load in loads])[order]
        self._weights = weights[order]
        self._cautious = np.concatenate([fastest_weights(len(load), UNDISTURBED_SHARE) for load in loads])[order]
        self._loads = len(loads)

    def estimate(self, counts: Optional[NDArray[Any]] = None) -> Samples:
        """The estimate with each load as often as `counts` (resamples, loads) says, (resamples,); or once, ()."""
        return self._quantile(self._weights, counts)

    def shift(self) -> float:
        """By which share, as a logarithm, the estimate is too high if only an eighth of the windows are undisturbed.

        The eighth is of each load's windows, the fastest ones: what loads differ by is not in it.
        """
        return max(math.log(float(self.estimate()) / float(self._quantile(self._cautious, None))), 0.0)

    def _quantile(self, weights: Samples, counts: Optional[NDArray[Any]]) -> Samples:
        often = np.ones((1, self._loads)) if counts is None else counts
        own = often[:, self._load] * weights
        # A value's own weight lies half below it: the middle value of three alike is their median.
        below = np.cumsum(own, axis=1) - own / 2
        wanted = QUANTILE * often.sum(axis=1, keepdims=True)
        above = np.clip(np.sum(below < wanted, axis=1), 1, len(self._values) - 1)
        rows = np.arange(len(own))
        first, second = below[rows, above - 1], below[rows, above]
        share = np.clip((wanted[:, 0] - first) / np.maximum(second - first, 1e-12), 0.0, 1.0)
        found: Samples = self._values[above - 1] + share * (self._values[above] - self._values[above - 1])
        return found if counts is not None else found.reshape(())


@functools.lru_cache(maxsize=4096)
def fastest_weights(windows: int, undisturbed_share: float = 1.0) -> Samples:
    """The probability of each window of a load to be the fastest of four, by its rank.

    >>> fastest_weights(5).round(2).tolist()
    [0.8, 0.2, 0.0, 0.0, 0.0]

    Args:
        windows: in the load.
        undisturbed_share: of them, the fastest ones; only these are drawn, with replacement if not all are.
    """
    if undisturbed_share == 1.0:
        drawn = min(DRAWN, windows)
        beyond = np.array([math.comb(windows - rank, drawn) for rank in range(windows + 1)]) / math.comb(windows, drawn)
    else:
        beyond = (1 - np.minimum(np.arange(windows + 1) / (windows * undisturbed_share), 1.0)) ** DRAWN
    weights: Samples = beyond[:-1] - beyond[1:]
    weights.flags.writeable = False  # it is given to all who ask
    return weights
