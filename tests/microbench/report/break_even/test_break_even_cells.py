"""A cell's break-even: exact without noise, with an interval that covers, and no certainty out of nothing."""

import doctest
import math

import numpy as np
import pytest
from simulated_map import simulate_map

from microbench.measure.record import Record
from microbench.report.break_even import cell
from microbench.report.break_even.cell import Shape, map_cells, marginal_ratio

SHAPE = Shape(32, 64, 64)


def test_the_ratio_is_that_of_the_marginal_costs_and_not_of_the_latencies() -> None:
    (found,) = map_cells(simulate_map(lambda *_: 4.0, [SHAPE], scatter=0.0))
    assert found.ratio.estimate == pytest.approx(4.0, rel=1e-3)  # of single blocks it would be 1.2 / 0.45 = 2.7
    assert found.shape == SHAPE
    assert not found.is_open
    assert found.sign == 1
    assert found.generations == 6
    assert found.passes == 1


def test_macs_per_millisecond_are_compared_by_the_macs_of_one_more_block() -> None:
    (found,) = map_cells(simulate_map(lambda *_: 3.0, [SHAPE], scatter=0.0))
    # Nine times the MACs in three times the time.
    assert found.macs_ratio == 9.0
    assert found.efficiency_ratio is not None
    assert found.efficiency_ratio.estimate == pytest.approx(3.0, rel=1e-3)


@pytest.mark.parametrize(("ratio", "disturbed"), [(1.0, 0.0), (2.5, 0.0), (1.3, 0.4)])
def test_the_interval_covers_the_true_ratio(ratio: float, disturbed: float) -> None:
    trials = 200
    shapes = [Shape(channels, 1, 1) for channels in range(1, trials + 1)]
    found = map_cells(simulate_map(lambda *_: ratio, shapes, scatter=0.02, disturbed=disturbed, seed=1))
    covered = sum(not one.ratio.excludes(ratio) for one in found)
    # 95% less two and a half standard errors of so many trials.
    assert covered >= (0.95 - 2.5 * math.sqrt(0.95 * 0.05 / trials)) * trials
    # An interval that says nothing would cover, too.
    assert np.median([one.ratio.half_width_share for one in found]) < 0.2


def test_what_slows_all_rows_of_a_generation_down_is_in_no_ratio() -> None:
    levels = np.array([[1.2, 3.2, 0.7, 1.7]] * 6)
    slowed = levels * np.array([1.0, 1.0, 1.3, 2.0, 1.1, 1.6])[:, np.newaxis]
    for ratio in (marginal_ratio(levels), marginal_ratio(slowed)):
        assert (ratio.estimate, ratio.low, ratio.high) == pytest.approx((2.0, 2.0, 2.0))


def test_one_generation_in_which_a_row_was_held_up_moves_the_ratio_little() -> None:
    levels = np.array([[1.2, 3.2, 0.7, 1.7]] * 8)
    levels[3, 1] *= 2
    assert marginal_ratio(levels).estimate == pytest.approx(2.0, rel=0.02)


def test_chains_that_do_not_grow_decide_nothing() -> None:
    rng = np.random.default_rng(0)
    ratio = marginal_ratio(1.0 + rng.normal(0, 0.01, (8, 4)))
    assert (ratio.low, ratio.high) == (0.0, math.inf)


def test_a_second_pass_is_added_to_the_first_and_narrows_the_interval() -> None:
    first = simulate_map(lambda *_: 1.1, [SHAPE], scatter=0.03, seed=1)
    second = simulate_map(lambda *_: 1.1, [SHAPE], scatter=0.03, seed=2, number=2)
    (once,), (twice,) = map_cells(first), map_cells([*first, *second])
    assert twice.generations == 12
    assert twice.passes == 2
    assert twice.ratio.half_width < once.ratio.half_width


def test_a_block_is_compared_only_with_the_convolution_of_its_own_run() -> None:
    def only(records: list[Record], block: str) -> list[Record]:
        return [record for record in records if record.axes["block"] == block]

    first = simulate_map(lambda *_: 2.0, [SHAPE])
    second = simulate_map(lambda *_: 2.0, [SHAPE], number=2)
    assert map_cells([*only(first, "conv3x3"), *only(second, "sepconv3x3")]) == []


def test_the_example_is_right() -> None:
    assert doctest.testmod(cell).failed == 0
