"""The width at which a network meets a latency: a search by few timed candidates, as a pure function of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

TOLERANCE = 0.02
"""A width whose latency is this close to the target, relative to it, meets it."""

MAX_CANDIDATES = 8

_FIRST_EXPONENT = 1.2
"""Of latency's growth with the width, until two points are measured: between the bytes' 1 and the arithmetic's 2."""


@dataclass(frozen=True)
class Match:
    """What the search came to."""

    width: int
    """The timed width closest to the target."""
    deviation: float
    """Its latency relative to the target, less 1."""
    met: bool
    """Whether the deviation is within the tolerance."""
    straddled_by: tuple[int, int] | None
    """If it is not: the neighbouring widths of which one is too fast and the other too slow."""

    def sentence(self, target_ms: float) -> str:
        """The outcome in words."""
        difference = f"{abs(self.deviation):.1%} {'slower' if self.deviation > 0 else 'faster'}"
        take = f"take c={self.width}, {difference} than the target of {target_ms:.4g} ms"
        if self.met:
            return f"{take}, which is within {TOLERANCE:.0%}"
        if self.straddled_by:
            low, high = self.straddled_by
            return f"{take}: no timed c comes closer, as latency jumps past the target between c={low} and c={high}"
        return f"{take}: the closest of {MAX_CANDIDATES} candidates"


def next_width(latency_ms: Mapping[int, float], target_ms: float, first: int) -> int | None:
    """The width to time next, or None if the search is over.

    Between the widest width known to be too fast and the narrowest known to be too slow, latency is taken to be a power
    of the width; outside, likewise by the two nearest points.

    Args:
        latency_ms: by width, what is timed already.
        target_ms: what latency is wanted.
        first: where to begin.
    """
    if not latency_ms:
        return first
    if match(latency_ms, target_ms) is not None:
        return None
    low, high = _bracket(latency_ms, target_ms)
    if low is not None and high is not None:
        guess = _power_law(low, latency_ms[low], high, latency_ms[high], target_ms)
        return min(max(guess, low + 1), high - 1)
    if high is None:
        assert low is not None
        return max(_extrapolated(latency_ms, low, target_ms), low + 1)
    return max(min(_extrapolated(latency_ms, high, target_ms), high - 1), 1)


def match(latency_ms: Mapping[int, float], target_ms: float) -> Match | None:
    """The outcome of the search, or None if it must continue."""
    nearest = min(latency_ms, key=lambda width: abs(math.log(latency_ms[width] / target_ms)))
    deviation = latency_ms[nearest] / target_ms - 1
    if abs(deviation) <= TOLERANCE:
        return Match(nearest, deviation, met=True, straddled_by=None)
    low, high = _bracket(latency_ms, target_ms)
    if low is not None and high == low + 1:
        return Match(nearest, deviation, met=False, straddled_by=(low, high))
    if len(latency_ms) >= MAX_CANDIDATES or (low is None and high == 1):
        return Match(nearest, deviation, met=False, straddled_by=None)
    return None


def _bracket(latency_ms: Mapping[int, float], target_ms: float) -> tuple[int | None, int | None]:
    """The narrowest width that is too slow, and the widest below it that is too fast.

    Latency may fall where a width gets wider (16 after 15): the first crossing is the one that is searched.
    """
    high = min((width for width, latency in latency_ms.items() if latency > target_ms), default=None)
    fast = (width for width, latency in latency_ms.items() if latency <= target_ms and (high is None or width < high))
    return max(fast, default=None), high


def _power_law(low: int, low_ms: float, high: int, high_ms: float, target_ms: float) -> int:
    exponent: float = math.log(high_ms / low_ms) / math.log(high / low)
    return round(low * math.pow(target_ms / low_ms, 1 / exponent))


def _extrapolated(latency_ms: Mapping[int, float], edge: int, target_ms: float) -> int:
    others = sorted((width for width in latency_ms if width != edge), key=lambda width: abs(width - edge))
    exponent = _FIRST_EXPONENT
    if others:
        slope = math.log(latency_ms[others[0]] / latency_ms[edge]) / math.log(others[0] / edge)
        # Two noisy points close together may say anything.
        exponent = min(max(slope, 0.5), 2.5)
    return round(edge * math.pow(target_ms / latency_ms[edge], 1 / exponent))
