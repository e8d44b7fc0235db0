"""The search for the width at which a network meets a latency."""

import math
from collections.abc import Callable

import pytest

from microbench.experiments.width_search import MAX_CANDIDATES, TOLERANCE, Match, match, next_width


def search(latency_of: Callable[[int], float], target_ms: float, first: int) -> tuple[Match, dict[int, float]]:
    """Run the search on a known curve; returns its outcome and what it timed."""
    timed: dict[int, float] = {}
    while (width := next_width(timed, target_ms, first)) is not None:
        assert width not in timed, "a width is never timed twice"
        assert width >= 1
        timed[width] = latency_of(width)
    outcome = match(timed, target_ms)
    assert outcome is not None
    return outcome, timed


def linear(width: int) -> float:
    return 2.0 + 3.0 * width


def quadratic(width: int) -> float:
    return 0.5 + 0.05 * width**2


def staircase(width: int) -> float:
    return 1.0 + math.ceil(width / 16) ** 2


def with_a_drop(width: int) -> float:
    return 0.1 * width * (0.7 if width % 16 == 0 else 1.0)


@pytest.mark.parametrize("curve", [linear, quadratic, staircase, with_a_drop])
@pytest.mark.parametrize("target_ms", [2.2, 7.0, 40.0, 333.0])
@pytest.mark.parametrize("first", [1, 9, 60])
def test_every_search_ends_in_few_candidates_with_a_match_or_the_neighbours_that_straddle(
    curve: Callable[[int], float], target_ms: float, first: int
) -> None:
    outcome, timed = search(curve, target_ms, first)
    assert len(timed) <= MAX_CANDIDATES
    assert outcome.deviation == pytest.approx(timed[outcome.width] / target_ms - 1)
    if outcome.met:
        assert abs(outcome.deviation) <= TOLERANCE
    elif outcome.straddled_by is not None:
        low, high = outcome.straddled_by
        assert high == low + 1
        assert timed[low] <= target_ms < timed[high]


@pytest.mark.parametrize("curve", [linear, quadratic])
def test_a_smooth_curve_is_always_decided(curve: Callable[[int], float]) -> None:
    for target_ms in (5.3, 11.0, 77.7, 250.0):
        outcome, _ = search(curve, target_ms, first=12)
        assert outcome.met or outcome.straddled_by


def test_the_first_candidate_is_where_the_search_is_told_to_begin() -> None:
    assert next_width({}, 5.0, first=14) == 14


def test_a_first_candidate_that_meets_the_target_ends_the_search() -> None:
    assert next_width({14: 5.05}, 5.0, first=14) is None
    outcome = match({14: 5.05}, 5.0)
    assert outcome is not None
    assert outcome.met
    assert outcome.deviation == pytest.approx(0.01)


def test_a_target_below_the_narrowest_network_is_told() -> None:
    outcome, timed = search(linear, target_ms=0.5, first=9)
    assert outcome.width == 1
    assert not outcome.met
    assert outcome.straddled_by is None
    assert "take c=1, " in outcome.sentence(0.5)
    assert len(timed) <= MAX_CANDIDATES


def test_the_sentence_names_the_neighbours_that_straddle_the_target() -> None:
    sentence = Match(8, -0.05, met=False, straddled_by=(8, 9)).sentence(254.9)
    assert "between c=8 and c=9" in sentence
