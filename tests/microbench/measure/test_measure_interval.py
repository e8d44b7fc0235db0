"""An estimate with its bounds."""

import math

import pytest

from microbench.measure.interval import Interval


def test_the_half_width_is_a_share_of_the_estimate() -> None:
    assert Interval(4.0, 3.8, 4.4).half_width_share == pytest.approx(0.075)


def test_an_interval_without_a_bound_is_infinitely_wide() -> None:
    assert Interval(4.0, 0.0, math.inf).half_width_share == math.inf


@pytest.mark.parametrize(("value", "excluded"), [(0.99, True), (1.0, False), (1.05, False), (1.1, False), (1.11, True)])
def test_its_bounds_belong_to_it(value: float, excluded: bool) -> None:
    assert Interval(1.05, 1.0, 1.1).excludes(value) is excluded


def test_another_unit_moves_all_three() -> None:
    assert Interval(2.0, 1.5, 3.0).scaled(1e3) == Interval(2000.0, 1500.0, 3000.0)
