"""P-values, beside SciPy's and beside Holm's own example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from microbench.measure.significance import holm, two_sided_p


@given(st.floats(-50, 50), st.integers(1, 200))
def test_the_p_value_of_t_is_that_of_scipy(t: float, degrees_of_freedom: int) -> None:
    assert two_sided_p(t, degrees_of_freedom) == pytest.approx(2 * stats.t.sf(abs(t), degrees_of_freedom), abs=1e-9)


def test_without_degrees_of_freedom_nothing_is_known() -> None:
    assert two_sided_p(9.0, 0) == 1.0


def test_an_infinite_t_is_certain() -> None:
    assert two_sided_p(float("inf"), 5) == 0.0


def test_holm_adjusts_each_p_value_by_the_number_of_those_left() -> None:
    assert holm([0.6, 0.01, 0.02, 0.015]) == pytest.approx([0.6, 0.04, 0.045, 0.045])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_the_p_value_and_bonferronis(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, len(p_values) * p) + 1e-15
