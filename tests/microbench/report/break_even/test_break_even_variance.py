"""The analysis of variance: sums of squares derived by hand, and against an independent implementation."""

import doctest
import itertools

import numpy as np
import pytest
from simulated_map import simulate_map
from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]
from sklearn.preprocessing import OneHotEncoder  # type: ignore[import-untyped]

from microbench.measure.record import Configuration
from microbench.report.break_even import variance
from microbench.report.break_even.cell import Cell, Shape, map_cells
from microbench.report.break_even.variance import type_two, variance_shares


def test_a_balanced_table_gives_the_sums_of_the_textbook() -> None:
    # Means by a: 2, 6; by b: 3, 5; of all: 4. SS(a) = 4 * (2^2 + 2^2) / 2 = 16, SS(b) = 4 * (1 + 1) / 2 = 4.
    # What is left of 1, 3, 5, 7 + (1, -1, -1, 1) is the interaction: 4 * 1.
    sums = type_two([2.0, 2.0, 4.0, 8.0], {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    assert sums == {("a",): pytest.approx(16), ("b",): pytest.approx(4), ("a", "b"): pytest.approx(4), (): 0.0}


def test_a_factor_of_an_unbalanced_table_is_judged_beside_the_other() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 40), rng.integers(0, 2, 40)
    response = 1.0 * a + 2.0 * b + rng.normal(0, 0.3, 40)

    def left_by(*factors: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        coded = OneHotEncoder().fit_transform(np.column_stack(factors)).toarray()
        return float(np.sum((response - LinearRegression().fit(coded, response).predict(coded)) ** 2))

    sums = type_two(response, {"a": list(a), "b": list(b)})
    assert sums["a",] == pytest.approx(left_by(b) - left_by(a, b))
    assert sums["b",] == pytest.approx(left_by(a) - left_by(a, b))
    both = 3 * b + a  # each combination a level of its own
    assert sums["a", "b"] == pytest.approx(left_by(a, b) - left_by(both))
    assert sums[()] == pytest.approx(left_by(both))


def test_shares_of_a_map_say_which_factor_made_it() -> None:
    shapes = [Shape(channels, side, side) for channels, side in itertools.product((8, 16, 32), (16, 64))]

    def cells(runtime: str, factor: float) -> list[Cell]:
        return map_cells(
            simulate_map(
                lambda _, shape: factor * shape.channels / 16, shapes, configuration=Configuration(runtime), scatter=0.0
            )
        )

    shares = variance_shares([*cells("a", 1.0), *cells("b", 4.0)])
    # The runtime moves log2 by -1 and 1, a variance of 1; the width by -1, 0 and 1, one of 2/3.
    assert shares["runtime"] == pytest.approx(0.6, abs=0.002)
    assert shares["width"] == pytest.approx(0.4, abs=0.002)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert "block" not in shares  # there is one alone


def test_shapes_that_one_panel_lacks_are_left_out() -> None:
    shapes = [Shape(8, 16, 16), Shape(16, 16, 16)]
    full = map_cells(simulate_map(lambda _, shape: shape.channels / 10, shapes, ("ghost", "sepconv3x3")))
    refined = map_cells(simulate_map(lambda *_: 1.0, [Shape(12, 16, 16)]))
    assert variance_shares([*full, *refined]) == variance_shares(full)


def test_a_grid_with_a_corner_missing_is_cut_to_a_full_one_so_that_the_shares_add_up() -> None:
    shapes = [Shape(c, side, side) for c, side in itertools.product((8, 16, 32), (16, 32, 64)) if c * side < 2048]
    cells = map_cells(simulate_map(lambda _, shape: (shape.channels * shape.side) ** 0.5 / 9, shapes, scatter=0.0))
    shares = variance_shares(cells)
    assert len(cells) == 8
    assert sum(shares.values()) == pytest.approx(1.0)
    # The corner's resolution is left out: three widths and two resolutions, a doubling apart each.
    assert shares["width"] == pytest.approx((2 / 3) / (2 / 3 + 1 / 4), abs=0.003)


def test_the_example_is_right() -> None:
    assert doctest.testmod(variance).failed == 0
