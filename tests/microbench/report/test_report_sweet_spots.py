"""What is found in a width sweep, on generated curves whose cliffs are known and whose noise is drawn."""

import json
import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from microbench.report.sweet_spots import (
    WidthCurve,
    analyse,
    curves_of,
    describe,
    efficiency_peaks,
    free_width_frontier,
)

Values = NDArray[np.float64]
Law = Callable[[Values], Values]

COARSE = tuple(range(8, 73, 8))
"""Figure 5(b)."""
SMALL = tuple(range(1, 18))
"""Figure 5(a)."""
FINE = tuple(range(1, 73))
MIXED = tuple(sorted({*SMALL, *COARSE}))


def quadratic(widths: Values) -> Values:
    """Latency in ms of a 3x3 convolution: a fixed cost, maps that grow with the width, arithmetic with its square."""
    return 0.05 + 0.02 * widths + 0.001 * widths**2


def fixed_cost(widths: Values) -> Values:
    return 1.0 + 0.001 * widths**2


def arithmetic_alone(widths: Values) -> Values:
    return 0.001 * widths**2


def bytes_alone(widths: Values) -> Values:
    return 0.01 * widths


def constant(widths: Values) -> Values:
    return 0.1 + 0 * widths


SMOOTH: list[Law] = [quadratic, fixed_cost, arithmetic_alone, bytes_alone, constant]


def staircase(period: int) -> Law:
    """The same convolution where channels are computed in groups of `period`."""
    return lambda widths: quadratic(np.ceil(widths / period) * period)


def with_cliff(last_width: int, height: float) -> Law:
    """A smooth law, and everything wider than `last_width` slower by `height` than arithmetic would have it."""
    return lambda widths: arithmetic_alone(widths) * np.where(widths > last_width, 1 + height, 1.0)


def macs_of(widths: Sequence[int]) -> list[int]:
    """Of a 3x3 convolution from c to c channels on a map of 128 x 128."""
    return [9 * width * width * 128 * 128 for width in widths]


def curve_of(
    widths: Sequence[int], law: Law, noise: float, rng: np.random.Generator, reach: float = 1.96
) -> WidthCurve:
    """One draw of a sweep: medians scattered by their standard error `noise`, and their 95% intervals."""
    truth = law(np.array(widths, dtype=np.float64))
    latency = truth * np.exp(rng.standard_normal(len(widths)) * noise)
    return analyse(
        "curve", widths, latency, latency * np.exp(-reach * noise), latency * np.exp(reach * noise), macs_of(widths)
    )


def exact(widths: Sequence[int], law: Law) -> WidthCurve:
    """Free of noise, known to 0.2%."""
    return curve_of(widths, law, 0.001, np.random.default_rng(0), reach=1.96)


def draws(widths: Sequence[int], law: Law, noise: float, count: int) -> list[WidthCurve]:
    rng = np.random.default_rng(1)
    return [curve_of(widths, law, noise, rng) for _ in range(count)]


def cliffs(curve: WidthCurve) -> list[tuple[int, int]]:
    return [(point.last_width, point.next_width) for point in curve.change_points if point.kind == "cliff"]


# Staircases


@pytest.mark.parametrize(
    ("widths", "noise", "share"),
    # Width 64 is but 3% more efficient than 63: intervals of 1% do not always tell them apart.
    [(COARSE, 0.002, 1.0), (COARSE, 0.01, 0.95), (FINE, 0.002, 1.0), (FINE, 0.005, 0.8)],
)
def test_a_staircase_of_16_has_its_sweet_spots_at_the_multiples_of_16(
    widths: tuple[int, ...], noise: float, share: float
) -> None:
    found = draws(widths, staircase(16), noise, 60)
    assert np.mean([curve.sweet_spots == (16, 32, 48, 64) for curve in found]) >= share
    assert all({16, 32, 48, 64} <= set(curve.frontier) for curve in found)


@pytest.mark.parametrize("noise", [0.002, 0.01])
@pytest.mark.parametrize(
    ("widths", "period"),
    [
        (COARSE, 16), (COARSE, 24), (COARSE, 32),
        (SMALL, 2), (SMALL, 4), (SMALL, 8),
        (FINE, 4), (FINE, 8), (FINE, 12), (FINE, 16), (FINE, 24), (FINE, 32),
        (MIXED, 8), (MIXED, 16), (MIXED, 24),
    ],
)  # fmt: skip
def test_the_period_of_a_staircase_is_found(widths: tuple[int, ...], period: int, noise: float) -> None:
    found = draws(widths, staircase(period), noise, 40)
    assert np.mean([curve.period is not None and curve.period.channels == period for curve in found]) >= 0.95


def test_a_period_of_24_contradicts_the_papers_rule() -> None:
    sentence = describe(exact(COARSE, staircase(24)))
    assert "latency comes in steps of 24 channels (against the paper's 2^n rule" in sentence
    assert "as the paper's 2^n rule says" in describe(exact(COARSE, staircase(16)))


@pytest.mark.parametrize("widths", [COARSE, FINE])
def test_the_cliffs_of_a_staircase_are_where_its_steps_end(widths: tuple[int, ...]) -> None:
    step = widths[1] - widths[0]
    expected = [(last, last + step) for last in (16, 32, 48, 64)]
    assert set(cliffs(exact(widths, staircase(16)))) >= set(expected[1:])
    assert set(cliffs(exact(widths, staircase(16)))) <= set(expected)


@pytest.mark.parametrize(("widths", "period"), [(COARSE, 8), (tuple(range(16, 129, 16)), 16), (COARSE, 4)])
def test_a_period_that_the_grid_cannot_show_is_not_claimed(widths: tuple[int, ...], period: int) -> None:
    assert exact(widths, staircase(period)).period is None


def test_a_single_step_is_no_period() -> None:
    assert exact(SMALL, staircase(16)).period is None


# Smooth curves


@pytest.mark.parametrize("noise", [0.002, 0.01, 0.02])
@pytest.mark.parametrize("widths", [COARSE, SMALL, FINE, MIXED], ids=["coarse", "small", "fine", "mixed"])
@pytest.mark.parametrize("law", SMOOTH)
def test_hardly_anything_is_found_in_a_smooth_curve(law: Law, widths: tuple[int, ...], noise: float) -> None:
    found = draws(widths, law, noise, 100)
    assert np.mean([curve.period is not None for curve in found]) <= 0.08
    assert np.mean([bool(curve.change_points) for curve in found]) <= 0.10
    assert np.mean([bool(curve.sweet_spots) for curve in found]) <= 0.05


# Single cliffs


@pytest.mark.parametrize(("widths", "last", "following"), [(COARSE, 40, 48), (FINE, 40, 41), (SMALL, 8, 9)])
def test_a_cliff_of_a_fifth_is_found_under_noise_of_a_hundredth(
    widths: tuple[int, ...], last: int, following: int
) -> None:
    found = draws(widths, with_cliff(last, 0.20), 0.01, 200)
    assert np.mean([(last, following) in cliffs(curve) for curve in found]) >= 0.95
    jumps = [p.jump for curve in found for p in curve.change_points if p.last_width == last and p.kind == "cliff"]
    assert np.median(jumps) == pytest.approx(0.20, abs=0.01)


def test_a_cliff_at_the_sweeps_last_width_is_found() -> None:
    """As in Figure 5(a), whose one width beyond 16 is 17."""
    found = draws(SMALL, with_cliff(16, 0.20), 0.01, 200)
    assert np.mean([cliffs(curve) == [(16, 17)] for curve in found]) >= 0.95
    assert cliffs(exact(SMALL, staircase(16)))[-1] == (16, 17)


def test_a_wider_block_that_is_faster_is_a_drop() -> None:
    curve = exact(SMALL, lambda widths: np.where(widths % 4 == 0, 0.7, 1.0) * bytes_alone(widths))
    drops = {(point.last_width, point.next_width): point.jump for point in curve.change_points if point.kind == "drop"}
    assert set(drops) == {(3, 4), (7, 8), (11, 12), (15, 16)}
    assert drops[7, 8] == pytest.approx(0.7 * 8 / 7 - 1, abs=0.01)
    assert "8 is wider than 7 and 20% faster" in describe(curve)


def test_a_jump_within_the_confidence_intervals_is_no_cliff() -> None:
    widths = np.array(SMALL, dtype=np.float64)
    latency = with_cliff(8, 0.20)(widths)
    curve = analyse("unsure", SMALL, latency, latency * 0.85, latency * 1.15, macs_of(SMALL))
    assert curve.change_points == ()


# Frontier and peaks


@st.composite
def sweeps(draw: st.DrawFn) -> tuple[list[int], Values, Values, Values]:
    """Widths with latencies and intervals of any shape, crossing ones included."""
    widths = sorted(draw(st.sets(st.integers(1, 200), min_size=1, max_size=14)))
    size = len(widths)
    latency = np.array(draw(st.lists(st.floats(0.01, 10), min_size=size, max_size=size)))
    below = np.array(draw(st.lists(st.floats(0, 0.5), min_size=size, max_size=size)))
    above = np.array(draw(st.lists(st.floats(0, 0.5), min_size=size, max_size=size)))
    return widths, latency, latency * (1 - below), latency * (1 + above)


@given(sweeps())
def test_a_width_is_on_the_frontier_unless_a_larger_one_is_as_fast(
    sweep: tuple[list[int], Values, Values, Values],
) -> None:
    widths, _, low, high = sweep
    dominated = {
        small
        for small, small_high in zip(widths, high, strict=True)
        for large, large_low in zip(widths, low, strict=True)
        if large > small and large_low <= small_high
    }
    assert free_width_frontier(widths, low, high) == tuple(width for width in widths if width not in dominated)


@given(sweeps())
def test_the_edges_of_a_sweep_are_never_called_peaks(sweep: tuple[list[int], Values, Values, Values]) -> None:
    widths, _, low, high = sweep
    peaks = efficiency_peaks(widths, np.array(macs_of(widths), dtype=np.float64), low, high)
    assert not {widths[0], widths[-1]} & set(peaks)


@given(sweeps())
def test_a_sweet_spot_is_on_the_frontier_and_more_efficient_than_its_neighbours(
    sweep: tuple[list[int], Values, Values, Values],
) -> None:
    widths, latency, low, high = sweep
    if len(widths) < 4:
        return
    curve = analyse("any", widths, latency, low, high, macs_of(widths))
    efficiency = curve.efficiency_mmacs_per_ms
    for spot in curve.sweet_spots:
        place = widths.index(spot)
        assert spot in curve.frontier
        assert efficiency[place] > efficiency[place - 1]
        assert efficiency[place] > efficiency[place + 1]


def test_the_largest_width_is_always_on_the_frontier() -> None:
    assert exact(COARSE, constant).frontier == (72,)


def test_every_width_is_on_the_frontier_of_a_law_that_rises() -> None:
    assert exact(COARSE, quadratic).frontier == COARSE


# What is said, and of which rows


def test_the_sentence_names_all_that_was_found() -> None:
    sentence = describe(exact(COARSE, staircase(16)))
    assert sentence.startswith("curve: take 16, 32, 48, 64 channels (sweet spots); ")
    assert "no wider width is as fast as 16, 32, 48, 64, 72" in sentence
    assert re.search(r"56 \(\+\d+% over 48\)", sentence)
    assert "steps of 16 channels" in sentence
    assert sentence.endswith(".")


def test_the_sentence_says_where_nothing_was_found() -> None:
    sentence = describe(exact(COARSE, bytes_alone))
    assert "no sweet spot" in sentence
    assert "avoid" not in sentence
    assert "no clear period of the cliffs" in sentence


def test_the_findings_are_json() -> None:
    curve = exact(FINE, staircase(16))
    found = json.loads(json.dumps(curve.as_json(), allow_nan=False))
    assert found["sweet_spots"] == [16, 32, 48, 64]
    assert found["period"]["channels"] == 16
    assert {point["kind"] for point in found["change_points"]} == {"cliff"}
    assert json.loads(json.dumps(exact(COARSE, bytes_alone).as_json()))["period"] is None


def rows(widths: Sequence[int], law: Law, **columns: object) -> pd.DataFrame:
    latency = law(np.array(widths, dtype=np.float64))
    same = {
        "block": "conv3x3", "resolution": "128x128", "stride": 1, "batch": 1, "depth": 1,
        "runtime": "onnxruntime", "precision": "fp32", "device": "cpu", "threads": 1,
        "timing": "end_to_end", "l2": "hot", "cache": "hot",
    }  # fmt: skip
    measured = {
        "width": widths,
        "latency_ms": latency,
        "latency_ci_low_ms": latency * 0.998,
        "latency_ci_high_ms": latency * 1.002,
        "macs": macs_of(widths),
    }
    return pd.DataFrame({**measured, **same, **columns})


def test_each_block_runtime_and_axis_has_a_curve_of_its_own() -> None:
    data = pd.concat(
        [
            rows(COARSE, staircase(16)),
            rows(COARSE, quadratic, block="ghost"),
            rows(COARSE, staircase(32), runtime="openvino"),
            rows(COARSE, quadratic, stride=2, batch=4),
        ]
    )
    found = curves_of(data.sample(frac=1.0, random_state=0))
    by_label = {curve.label: curve for curve in found}
    assert set(by_label) == {
        "conv3x3 at 128x128, onnxruntime fp32, 1 thread",
        "ghost at 128x128, onnxruntime fp32, 1 thread",
        "conv3x3 at 128x128, openvino fp32, 1 thread",
        "conv3x3 at 128x128, stride 2, batch 4, onnxruntime fp32, 1 thread",
    }
    assert all(curve.widths == COARSE for curve in found)
    assert by_label["conv3x3 at 128x128, onnxruntime fp32, 1 thread"].sweet_spots == (16, 32, 48, 64)
    assert by_label["conv3x3 at 128x128, openvino fp32, 1 thread"].sweet_spots == (32, 64)


def test_rows_that_failed_are_left_out_of_their_curve() -> None:
    data = rows(COARSE, staircase(16))
    data.loc[data["width"] == 40, ["latency_ms", "latency_ci_low_ms", "latency_ci_high_ms"]] = np.nan
    (curve,) = curves_of(data)
    assert curve.widths == tuple(width for width in COARSE if width != 40)


def test_three_widths_are_no_curve() -> None:
    assert curves_of(rows((8, 16, 24), quadratic)) == []
