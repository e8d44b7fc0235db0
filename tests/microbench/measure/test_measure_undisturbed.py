"""The undisturbed latency: its value by hand, how little disturbances move it, and how often its interval holds it."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.statistics import Samples, median_interval
from microbench.measure.undisturbed import (
    difference_interval,
    fastest_weights,
    ratio_interval,
    undisturbed,
    undisturbed_interval,
    windows_worth_taking,
)

ROUNDS = 8
SIMULATIONS = 400

Comparison = Callable[[list[Samples], list[Samples]], Interval]
Disturbance = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def simulate(
    rng: np.random.Generator,
    loads: int = 10,
    rounds: int = ROUNDS,
    load_effect: float = 0.005,
    noise: float = 0.005,
    disturbance: Disturbance = lambda _, shape: np.zeros(shape),
) -> list[Samples]:
    """Latencies in ms of a model of 1 ms whose loads and windows differ, and which neighbours disturb."""
    logs = rng.standard_normal((loads, 1)) * load_effect + rng.standard_normal((loads, rounds)) * noise
    return list(np.exp(logs + disturbance(rng, (loads, rounds))))


def two_level(share: float) -> Disturbance:
    """A share of the windows, at random, takes about 25% longer."""
    return lambda rng, shape: (rng.random(shape) < share) * rng.gamma(6, 0.25 / 6, shape)


def late_half(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """From the middle of the run on, everything takes 20% longer."""
    del rng
    return np.where(np.arange(shape[0]) < shape[0] // 2, 0.0, 0.2)[:, None] * np.ones(shape)


def slow_start(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """The first two windows of a load take 30% longer."""
    del rng
    return np.where(np.arange(shape[1]) < 2, 0.3, 0.0) * np.ones(shape)


def true_value(load_effect: float, noise: float) -> float:
    """The definition, by drawing: a quarter of the fastest of four windows of a load lie below it."""
    rng = np.random.default_rng(1)
    draws = rng.standard_normal(400_000) * load_effect + rng.standard_normal((4, 400_000)).min(axis=0) * noise
    return float(np.exp(np.quantile(draws, 0.25)))


def test_a_windows_weight_is_its_chance_of_being_the_fastest_of_four() -> None:
    """Against counting: all sets of four of seven windows."""
    fastest = [min(drawn) for drawn in itertools.combinations(range(7), 4)]
    counted = np.bincount(fastest, minlength=7) / len(fastest)
    assert fastest_weights(7) == pytest.approx(counted)


@pytest.mark.parametrize("windows", [1, 2, 3, 4, 5, 8, 40])
def test_the_weights_of_a_load_add_up_to_one(windows: int) -> None:
    assert fastest_weights(windows).sum() == pytest.approx(1)
    assert fastest_weights(windows, 0.125).sum() == pytest.approx(1)


def test_with_four_windows_it_is_the_lower_quartile_of_the_fastest() -> None:
    loads = [np.array([value, 9.0, 8.0, 7.0]) for value in (1.0, 1.1, 1.2, 1.3)]
    assert 1.0 <= undisturbed(loads) <= 1.1


@pytest.mark.parametrize("rounds", [4, 8, 16, 64])
def test_it_does_not_fall_with_the_number_of_windows_as_a_minimum_does(rounds: int) -> None:
    rng = np.random.default_rng(2)
    found = [undisturbed(simulate(rng, 20, rounds, noise=0.02)) for _ in range(200)]
    fastest = [np.min(simulate(rng, 20, rounds, noise=0.02)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(true_value(0.005, 0.02), rel=0.002)
    if rounds == 64:
        assert np.mean(fastest) < 0.97 * np.mean(found)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75])
def test_half_of_the_windows_move_it_by_less_than_its_interval(share: float) -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(100):
        loads = simulate(rng, 20, 16, noise=0.01, disturbance=two_level(share))
        inside.append(not undisturbed_interval(loads).excludes(undisturbed([load[::2] for load in loads])))
    assert np.mean(inside) >= 0.97


@pytest.mark.parametrize(
    ("disturbance", "most"),
    [(two_level(0.5), 0.005), (two_level(0.75), 0.012), (late_half, 0.01), (slow_start, 0.005)],
)
def test_disturbances_move_it_by_about_the_windows_own_noise(disturbance: Disturbance, most: float) -> None:
    """Noise of 0.5%; the median of all windows is moved by 5% to 20%."""
    rng = np.random.default_rng(4)
    samples = [simulate(rng, disturbance=disturbance) for _ in range(100)]
    quiet = true_value(0.005, 0.005)
    assert 0 <= np.mean([undisturbed(loads) for loads in samples]) / quiet - 1 < most


@pytest.mark.parametrize("loads", [6, 10, 20])
@pytest.mark.parametrize(("load_effect", "noise"), [(0.005, 0.005), (0.02, 0.003), (0.003, 0.02)])
@pytest.mark.parametrize("share", [0.0, 0.25])
def test_nineteen_in_twenty_intervals_hold_it(loads: int, load_effect: float, noise: float, share: float) -> None:
    rng = np.random.default_rng(5)
    truth = true_value(load_effect, noise)
    intervals = (
        undisturbed_interval(simulate(rng, loads, ROUNDS, load_effect, noise, two_level(share)))
        for _ in range(SIMULATIONS)
    )
    assert np.mean([not interval.excludes(truth) for interval in intervals]) >= 0.93


def test_the_lower_bound_allows_for_windows_that_neighbours_disturbed() -> None:
    """Half of the windows disturbed: the bound of the sampling error alone would hold the truth far less often."""
    rng = np.random.default_rng(6)
    truth = true_value(0.005, 0.005)
    held, without = [], []
    for _ in range(SIMULATIONS):
        interval = undisturbed_interval(simulate(rng, 12, disturbance=two_level(0.5)))
        held.append(not interval.excludes(truth))
        without.append(interval.estimate**2 / interval.high <= truth <= interval.high)
    assert np.mean(held) >= 0.89 > np.mean(without) + 0.05


def test_a_single_load_says_nothing_of_the_next() -> None:
    interval = undisturbed_interval([np.array([2.0, 2.1, 1.9])])
    assert (interval.low, interval.high) == (0.0, math.inf)


def test_identical_samples_are_known_exactly() -> None:
    interval = undisturbed_interval([np.full(ROUNDS, 3.0)] * 6)
    assert (interval.low, interval.estimate, interval.high) == pytest.approx((3.0, 3.0, 3.0))


def test_loads_may_hold_different_numbers_of_windows() -> None:
    rng = np.random.default_rng(7)
    ragged = [np.exp(rng.standard_normal(size) * 0.01) for size in (3, 8, 5, 8, 32, 2, 8)]
    assert 0.97 < undisturbed(ragged) < 1.0


def test_a_change_of_unit_scales_the_interval_and_nothing_else() -> None:
    loads = simulate(np.random.default_rng(8))
    ms, us = undisturbed_interval(loads), undisturbed_interval([load * 1000 for load in loads])
    scaled = ms.scaled(1000)
    assert (us.low, us.estimate, us.high) == pytest.approx((scaled.low, scaled.estimate, scaled.high))


def test_time_goes_into_loads_where_loads_differ_and_into_windows_where_windows_do() -> None:
    rng = np.random.default_rng(9)
    by_load = windows_worth_taking(simulate(rng, 20, 8, 0.03, 0.002), load_cost=2, window_cost=1)
    by_window = windows_worth_taking(simulate(rng, 20, 8, 0.001, 0.03), load_cost=2, window_cost=1)
    assert by_load <= 4
    assert by_window >= 8


def test_dear_loads_are_worth_more_windows() -> None:
    loads = simulate(np.random.default_rng(10), 40, 8, 0.01, 0.01)
    cheap, dear = (windows_worth_taking(loads, load_cost=cost, window_cost=1) for cost in (1, 20))
    assert cheap < dear


@pytest.mark.parametrize(("compare", "truth"), [(ratio_interval, 2.0), (difference_interval, 1.0)])
def test_a_comparison_is_free_of_what_disturbs_both_sides(compare: Comparison, truth: float) -> None:
    """A disturbance of 10% that a whole generation shares widens each side's interval, and not the comparison's."""
    rng = np.random.default_rng(11)
    held, widths, unpaired = [], [], []
    for _ in range(SIMULATIONS):
        shared = np.exp(rng.standard_normal((10, 1)) * 0.1)
        slow, fast = (
            list(latencies * shared if compare is ratio_interval else latencies + shared)
            for latencies in (level * np.array(simulate(rng, 10, ROUNDS, 0.01, 0.01)) for level in (2.0, 1.0))
        )
        interval = compare(slow, fast)
        held.append(interval.low <= truth <= interval.high)
        widths.append(interval.high - interval.low)
        unpaired.append(median_interval(slow).high - median_interval(slow).low)
    assert np.mean(held) >= 0.93
    assert np.median(widths) < 0.6 * np.median(unpaired)


@pytest.mark.parametrize("compare", [ratio_interval, difference_interval])
@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 4), (0, 0)])
def test_a_comparison_needs_generations_in_pairs(compare: Comparison, first: int, second: int) -> None:
    samples = np.ones(ROUNDS)
    with pytest.raises(ValueError, match="same number of generations on both sides, at least two"):
        compare([samples] * first, [samples] * second)
