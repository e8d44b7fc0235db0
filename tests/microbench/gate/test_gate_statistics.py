"""The gate's statistics against values that others computed, and their error rates by simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from microbench.gate.statistics import hodges_lehmann_interval, signed_rank_p
from microbench.measure.significance import holm
from microbench.measure.statistics import Samples

# Depression scores of nine patients before and after tranquilliser (Hollander and Wolfe 1973, p. 29 f.), which R's
# ?wilcox.test shows.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def by_enumeration(values: Samples) -> float:
    """The p-value by trying all signs."""
    values = values[values != 0]
    ranks = stats.rankdata(np.abs(values))
    observed = ranks[values > 0].sum()
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=len(ranks))
    ]
    return float(np.mean([total >= observed for total in sums]))


def test_the_p_value_is_that_of_r_on_its_own_example() -> None:
    assert signed_rank_p(BEFORE - AFTER) == pytest.approx(0.01953, abs=5e-6)


def test_the_estimate_and_interval_are_those_of_hollander_and_wolfe() -> None:
    """Their example 3.3: theta = -0.46 with the 96.1% interval (-0.786, -0.010) for after minus before."""
    shift = hodges_lehmann_interval(AFTER - BEFORE)
    assert [round(value, 3) for value in (shift.low, shift.estimate, shift.high)] == [-0.786, -0.46, -0.01]


@pytest.mark.parametrize("count", [1, 2, 5, 12, 24, 40])
def test_the_p_value_is_scipys(count: int) -> None:
    rng = np.random.default_rng(count)
    for shift in (-1.0, 0.0, 0.5):
        values = rng.normal(shift, 1, count)
        expected = stats.wilcoxon(values, alternative="greater", method="exact").pvalue
        assert signed_rank_p(values) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_ties_and_zeros_leave_the_p_value_exact(values: list[int]) -> None:
    array = np.array(values, float)
    assert signed_rank_p(array) == pytest.approx(by_enumeration(array), abs=1e-15)


def test_nothing_but_zeros_says_nothing() -> None:
    assert signed_rank_p(np.zeros(12)) == 1.0


def test_twelve_values_above_zero_give_the_smallest_p_value_there_is() -> None:
    assert signed_rank_p(np.linspace(0.01, 0.02, 12)) == 2.0**-12


def test_the_interval_of_twelve_lies_between_the_14th_and_the_65th_average() -> None:
    """R: qsignrank(0.025, 12) = 14, and there are 78 averages."""
    values = np.random.default_rng(0).normal(size=12)
    averages = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
    shift = hodges_lehmann_interval(values)
    assert (shift.low, shift.high) == (averages[13], averages[64])


def test_five_values_bound_nothing_and_six_do() -> None:
    assert hodges_lehmann_interval(np.arange(5.0)).half_width == math.inf
    shift = hodges_lehmann_interval(np.arange(6.0))
    assert (shift.low, shift.high) == (0, 5)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=14), st.floats(-1, 1))
def test_the_estimate_moves_with_the_values(values: list[float], by: float) -> None:
    array = np.array(values)
    before, after = hodges_lehmann_interval(array), hodges_lehmann_interval(array + by)
    assert after.estimate == pytest.approx(before.estimate + by, abs=1e-12)
    assert after.low <= after.estimate <= after.high


@pytest.mark.parametrize("draw", ["normal", "laplace", "standard_cauchy"])
def test_the_test_errs_no_more_often_than_its_level_whatever_the_tails(draw: str) -> None:
    rng = np.random.default_rng(1)
    trials = 3000
    rejected = sum(signed_rank_p(getattr(rng, draw)(size=12)) < 0.05 for _ in range(trials))
    # The largest attainable level below 5% is 4.6% (R: psignrank(60, 12, lower = FALSE)); 3 standard errors of it.
    assert rejected / trials == pytest.approx(0.046, abs=0.0115)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    trials = 3000
    intervals = [hodges_lehmann_interval(rng.laplace(0.3, 1, 12)) for _ in range(trials)]
    covered = sum(shift.low <= 0.3 <= shift.high for shift in intervals) / trials
    assert covered == pytest.approx(0.9575, abs=0.011)


def test_a_family_of_nulls_is_rejected_no_more_often_than_the_level() -> None:
    rng = np.random.default_rng(3)
    trials = 2000
    any_rejected = sum(min(holm([signed_rank_p(rng.normal(size=12)) for _ in range(5)])) < 0.05 for _ in range(trials))
    assert any_rejected / trials <= 0.05 + 0.015
