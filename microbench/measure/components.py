"""Where a row's spread comes from: builds of its engine, loads of a build, or windows of a load."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np

from microbench.measure.interval import Interval
from microbench.measure.statistics import Samples, student_t_975


@dataclass(frozen=True)
class SpreadComponents:
    """Relative standard deviations of a row's independent sources of spread: 0.02 reads "2%"."""

    builds: Optional[float]
    """From one build to the next; None where building is no matter of chance, or there is one build alone."""
    loads: Optional[float]
    """From one load of a build to the next; None where no build was loaded twice."""
    windows: Optional[float]
    """From one window of a load to the next; None where no load has two."""


def spread_components(builds: Sequence[Sequence[Samples]]) -> SpreadComponents:
    """Split the variance of the latencies' logarithms by a nested analysis of variance.

    The estimators are those of the method of moments for groups of unequal size (Searle, Casella and McCulloch 1992,
    Variance Components, section 3.6): mean squares are set equal to their expectations, from the innermost outwards. A
    component that comes out negative, as it may by chance, is 0.

    >>> still, slow = np.full(4, 1.0), np.full(4, 1.02)
    >>> spread_components([[still, still], [slow, slow]])
    SpreadComponents(builds=0.014, loads=0.0, windows=0.0)

    Args:
        builds: latencies by build and load, positive; a single build stands for "no matter of chance".
    """
    logs = [[np.log(load) for load in build] for build in builds]
    windows, loads = sum(len(load) for build in logs for load in build), sum(len(build) for build in logs)
    in_windows = sum(float(((load - load.mean()) ** 2).sum()) for build in logs for load in build)
    in_loads = sum(_squares([len(load) for load in build], [float(load.mean()) for load in build]) for build in logs)
    sizes = [sum(len(load) for load in build) for build in logs]
    in_builds = _squares(sizes, [float(np.concatenate(build).mean()) for build in logs])

    by_build = sum(len(load) ** 2 / size for build, size in zip(logs, sizes) for load in build)
    overall = sum(len(load) ** 2 for build in logs for load in build) / windows
    of_windows = in_windows / (windows - loads) if windows > loads else 0.0
    of_loads = 0.0
    if loads > len(logs):
        weight = (windows - by_build) / (loads - len(logs))
        of_loads = max(0.0, (in_loads / (loads - len(logs)) - of_windows) / weight)
    of_builds = 0.0
    if len(logs) > 1:
        freedom = len(logs) - 1
        expected = of_windows + (by_build - overall) / freedom * of_loads
        of_builds = max(0.0, (in_builds / freedom - expected) * freedom)
        of_builds /= windows - sum(size**2 for size in sizes) / windows
    return SpreadComponents(
        builds=_deviation(of_builds) if len(logs) > 1 else None,
        loads=_deviation(of_loads) if loads > len(logs) else None,
        windows=_deviation(of_windows) if windows > loads else None,
    )


def interval_over_builds(builds: Sequence[Samples]) -> Interval:
    """The latency of the next build, on average, with its 95% interval: builds are a random effect.

    Each build is one draw, whatever the number of its windows; Student's t over the logarithms of the builds' medians
    is exact where these are normal.

    Args:
        builds: the positive latencies of each.

    Returns:
        The interval about the geometric mean of the builds' medians; of one build its ends are 0 and infinity.
    """
    logs = np.log([float(np.median(build)) for build in builds])
    centre = math.exp(float(logs.mean()))
    if len(logs) < 2:
        return Interval(centre, 0.0, math.inf)
    reach = student_t_975(len(logs) - 1) * float(np.std(logs, ddof=1)) / math.sqrt(len(logs))
    return Interval(centre, centre * math.exp(-reach), centre * math.exp(reach))


def _squares(sizes: Sequence[int], means: Sequence[float]) -> float:
    """The sum of squares between groups."""
    centre = float(np.average(means, weights=sizes))
    return sum(size * (mean - centre) ** 2 for size, mean in zip(sizes, means))


def _deviation(variance: float) -> float:
    return round(math.sqrt(variance), 4)
