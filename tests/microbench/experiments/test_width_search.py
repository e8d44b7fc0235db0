"""The search for the widest network within a latency, on curves whose answer is known."""

import doctest
import math
from collections.abc import Callable

import numpy as np
import pytest

from microbench.experiments import width_search
from microbench.experiments.width_search import (
    MAX_CANDIDATES,
    TOLERANCE,
    Choice,
    alignment_of,
    best_unaligned,
    choose,
    next_width,
)
from microbench.measure.interval import Interval

Curve = Callable[[int], float]
Alignment = Callable[[int], int]


def sure(latency_ms: float) -> Interval:
    return Interval(latency_ms, latency_ms * 0.999, latency_ms * 1.001)


def search(
    curve: Callable[[int], Interval], target_ms: float, first: int, alignment: Alignment = alignment_of
) -> tuple[Choice, dict[int, Interval]]:
    """Run the search on a known curve; returns its outcome and what it timed."""
    timed: dict[int, Interval] = {}
    while (width := next_width(timed, target_ms, first, alignment)) is not None:
        assert width not in timed, "a width is never timed twice"
        assert width >= 1
        timed[width] = curve(width)
    return choose(timed, target_ms), timed


def widest_within(curve: Curve, target_ms: float) -> int:
    """By looking at every width; 0 if none is within."""
    return max((width for width in range(1, 600) if curve(width) <= target_ms * (1 + TOLERANCE)), default=0)


def linear(width: int) -> float:
    return 2.0 + 3.0 * width


def quadratic(width: int) -> float:
    return 0.5 + 0.05 * width**2


def staircase(width: int) -> float:
    return 1.0 + math.ceil(width / 16) ** 2


def staircase_of_twelve(width: int) -> float:
    """No power of two: a staircase needs no alignment to be searched exactly."""
    return 3.0 * math.pow(math.ceil(width / 12), 1.5)


def slow_where_unaligned(width: int) -> float:
    """Whatever leaves the blocks of 16 takes 1.6 times as long: c=29 is slower than c=32."""
    blocks = math.ceil(width / 16)
    return math.pow(blocks, 1.7) * (1.0 if width % 16 == 0 else 1.6)


def slow_by_degrees(width: int) -> float:
    return 0.2 * math.pow(width, 1.3) * {16: 1.0, 8: 1.1, 4: 1.15, 2: 1.5, 1: 1.7}[alignment_of(width)]


def in_the_family(curve: Curve, alignment: Alignment = alignment_of) -> bool:
    """Whether no width is faster than a narrower one that is at least as aligned, which the search relies on."""
    return all(
        curve(width) >= curve(narrower)
        for width in range(1, 200)
        for narrower in range(1, width)
        if alignment(narrower) >= alignment(width)
    )


CURVES = [linear, quadratic, staircase, staircase_of_twelve, slow_where_unaligned, slow_by_degrees]


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("target_ms", [0.01, 1.7, 2.2, 7.0, 40.0, 111.0, 333.0])
@pytest.mark.parametrize("first", [1, 9, 14, 60])
def test_the_search_finds_the_widest_width_within_the_target_in_few_candidates(
    curve: Curve, target_ms: float, first: int
) -> None:
    choice, timed = search(lambda width: sure(curve(width)), target_ms, first)
    best = widest_within(curve, target_ms)
    assert len(timed) <= MAX_CANDIDATES
    assert choice.is_within == (best > 0)
    assert choice.is_cut_short == (len(timed) == MAX_CANDIDATES)
    assert choice.width == (best or min(timed, key=lambda width: timed[width].estimate))


@pytest.mark.parametrize("curve", CURVES)
def test_from_the_papers_widths_on_a_handful_of_candidates_will_do(curve: Curve) -> None:
    counts = [
        len(search(lambda width: sure(curve(width)), curve(c) * 0.999, first)[1])
        for first in (3, 9, 14, 20)
        for c in (8, 13, 16, 20, 24, 31)
    ]
    assert np.mean(counts) < 9


@pytest.mark.parametrize("curve", CURVES)
def test_these_curves_are_of_the_family_that_the_documentation_names(curve: Curve) -> None:
    assert in_the_family(curve)


def test_a_width_past_a_bad_one_is_found_where_the_first_crossing_would_end_before_it() -> None:
    target_ms = slow_where_unaligned(32)
    assert slow_where_unaligned(29) > target_ms
    choice, timed = search(lambda width: sure(slow_where_unaligned(width)), target_ms, 9)
    assert choice.width == 32
    assert best_unaligned(timed, target_ms, alignment_of) is not None


@pytest.mark.parametrize("expansion", [6, 0.5])
def test_a_block_is_aligned_where_its_depthwise_channels_are(expansion: float) -> None:
    """Blocks whose depthwise convolutions have six times, or half, as many channels as the block."""

    def alignment(width: int) -> int:
        return alignment_of(math.ceil(width * expansion))

    def curve(width: int) -> float:
        return math.pow(width, 1.5) * (1.0 if alignment(width) == 16 else 2.5)

    for target_ms in (5.0, 30.0, 120.0, 180.0):
        choice, timed = search(lambda width: sure(curve(width)), target_ms, 3, alignment)
        assert choice.width == widest_within(curve, target_ms)
        assert len(timed) <= MAX_CANDIDATES


def test_noise_never_makes_the_search_long_and_an_open_choice_says_so() -> None:
    rng = np.random.default_rng(0)
    opened = 0
    for trial in range(300):
        curve = CURVES[trial % len(CURVES)]
        relative = 0.03

        def noisy(width: int, curve: Curve = curve, relative: float = relative) -> Interval:
            estimate = curve(width) * math.exp(rng.normal(0, relative))
            return Interval(estimate, estimate * math.exp(-2 * relative), estimate * math.exp(2 * relative))

        target_ms = float(rng.uniform(3, 200))
        choice, timed = search(noisy, target_ms, first=12)
        assert len(timed) <= MAX_CANDIDATES
        limit_ms = target_ms * (1 + TOLERANCE)
        assert choice.is_within == (choice.latency.estimate <= limit_ms)
        assert choice.is_open == (choice.latency.low <= limit_ms < choice.latency.high)
        assert ("open" in choice.sentence) == (choice.is_open and choice.is_within)
        assert all(timed[width].low <= limit_ms < timed[width].estimate for width in choice.open_wider)
        opened += choice.is_open or bool(choice.open_wider)
        if not choice.is_open and choice.is_within:
            # Sure to be within by its interval of two standard deviations: the truth is beyond it by three at most.
            assert curve(choice.width) <= limit_ms * math.exp(2 * relative)
    assert opened > 30


def test_on_a_curve_outside_the_family_the_choice_is_within_the_target_all_the_same() -> None:
    """An unaligned width that is faster than all others, beyond an aligned one that is too slow."""

    def curve(width: int) -> float:
        return 1.0 if width == 37 else linear(width)

    assert not in_the_family(curve)
    choice, timed = search(lambda width: sure(curve(width)), linear(20), 14)
    assert choice.width == 20  # 37 would be within too: nothing points to it
    assert len(timed) <= MAX_CANDIDATES


def test_a_width_that_cannot_be_run_counts_as_too_slow() -> None:
    def curve(width: int) -> Interval:
        return sure(linear(width)) if width <= 20 else Interval(math.inf, math.inf, math.inf)

    choice, timed = search(curve, 1000.0, 14)
    assert choice.width == 20
    assert len(timed) <= MAX_CANDIDATES


def test_where_nothing_can_be_run_the_search_ends() -> None:
    assert next_width({14: Interval(math.inf, math.inf, math.inf)}, 5.0, 14, alignment_of) is None


def test_the_first_candidate_is_where_the_search_begins() -> None:
    assert next_width({}, 5.0, 14, alignment_of) == 14


def test_below_an_aligned_choice_an_unaligned_width_is_timed_for_comparison() -> None:
    target_ms = staircase(32)
    choice, timed = search(lambda width: sure(staircase(width)), target_ms, 14)
    assert choice.width == 32
    assert best_unaligned(timed, target_ms, alignment_of) == 31


def test_a_block_of_no_alignment_at_all_ends_the_search_too() -> None:
    choice, timed = search(lambda width: sure(linear(width)), 95.0, 9, lambda _: 1)
    assert len(timed) <= MAX_CANDIDATES
    assert choice.latency.estimate <= 95.0 * (1 + TOLERANCE)


def test_the_sentence_names_the_next_width_and_what_noise_leaves_open() -> None:
    timed = {14: Interval(10.0, 9.9, 10.1), 16: Interval(10.1, 9.7, 10.6), 18: Interval(10.3, 10.1, 10.5)}
    sentence = choose(timed, 10.0).sentence
    assert sentence.startswith("take c=16, 1.0% slower than the target of 10 ms: the timed widths from c=18 on")
    assert "whether it is within is open" in sentence
    assert "c=18 may be within too" in sentence


def test_a_target_below_the_narrowest_network_is_reported() -> None:
    choice, _ = search(lambda width: sure(linear(width)), 0.5, 9)
    assert choice.width == 1
    assert "no timed width is within 2% of it" in choice.sentence


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(width_search).failed == 0
