"""Where a row's spread comes from, and an interval over builds, by simulation of known variances."""

import numpy as np
import pytest

from microbench.measure.components import interval_over_builds, spread_components
from microbench.measure.statistics import Samples


def simulated(
    rng: np.random.Generator, sizes: list[list[int]], *, builds: float, loads: float, windows: float
) -> list[list[Samples]]:
    """Latencies about 1, in builds and loads of so many windows each."""
    rows = []
    for build_sizes in sizes:
        build = rng.normal(0, builds)
        rows.append([np.exp(build + rng.normal(0, loads) + rng.normal(0, windows, size)) for size in build_sizes])
    return rows


BALANCED = [[6] * 4] * 3
UNBALANCED = [[2, 9, 4], [3, 3], [8, 2, 2, 5], [4]]


@pytest.mark.parametrize("sizes", [BALANCED, UNBALANCED], ids=["balanced", "unbalanced"])
@pytest.mark.parametrize(
    ("builds", "loads", "windows"), [(0.03, 0.01, 0.005), (0.0, 0.02, 0.01), (0.02, 0.0, 0.01), (0.01, 0.01, 0.03)]
)
def test_the_mean_of_the_estimated_variances_is_the_true_one(
    sizes: list[list[int]], builds: float, loads: float, windows: float
) -> None:
    """Unbiased but for the cut at zero, which shows where a component is none."""
    rng = np.random.default_rng(1)
    found = [spread_components(simulated(rng, sizes, builds=builds, loads=loads, windows=windows)) for _ in range(1500)]
    for name, truth in (("builds", builds), ("loads", loads), ("windows", windows)):
        variance = float(np.mean([getattr(components, name) ** 2 for components in found]))
        if truth:
            assert variance**0.5 == pytest.approx(truth, rel=0.2), name
        else:
            assert variance**0.5 < 0.75 * max(builds, loads, windows), name


def test_a_balanced_row_by_hand() -> None:
    """Two builds of two loads of two windows, on logarithms -3 -1 | 1 3 and 7 9 | 11 13, in thousandths.

    Windows: squares 1 * 8 over 4 degrees of freedom: 2. Loads: means -2 2 8... differ from their build's by 2, twice
    two windows each: 4 * 2 * 4 = 32 over 2: 16 = 2 + 2 * loads, so 7. Builds: means 0 and 10, each 5 from 5, of four
    windows: 200 over 1 = 16 + 4 * builds, so 46.
    """
    logs = [[[-3, -1], [1, 3]], [[7, 9], [11, 13]]]
    rows = [[np.exp(np.array(load) / 1000) for load in build] for build in logs]
    found = spread_components(rows)
    assert (found.builds, found.loads, found.windows) == (
        round(46**0.5 / 1000, 4), round(7**0.5 / 1000, 4), round(2**0.5 / 1000, 4),
    )  # fmt: skip


def test_what_was_not_repeated_is_not_known() -> None:
    one, two = np.array([1.0]), np.array([1.0, 1.1])
    assert spread_components([[one]]).windows is None
    assert spread_components([[two]]).loads is None
    assert spread_components([[two, two]]).builds is None


@pytest.mark.parametrize("builds", [3, 4, 8])
@pytest.mark.parametrize(("of_builds", "of_loads"), [(0.02, 0.002), (0.02, 0.02), (0.0, 0.01)])
def test_the_interval_over_builds_covers_at_95_percent(builds: int, of_builds: float, of_loads: float) -> None:
    rng = np.random.default_rng(2)
    rows, covered = 1500, 0
    for _ in range(rows):
        simulation = simulated(rng, [[6] * 4] * builds, builds=of_builds, loads=of_loads, windows=0.003)
        interval = interval_over_builds([np.concatenate(build) for build in simulation])
        covered += not interval.excludes(1.0)
    assert covered / rows == pytest.approx(0.95, abs=0.017)  # three standard errors


def test_one_build_says_nothing_of_the_next() -> None:
    interval = interval_over_builds([np.array([1.0, 1.1, 1.2])])
    assert interval.estimate == pytest.approx(1.1)
    assert (interval.low, interval.high) == (0.0, float("inf"))
