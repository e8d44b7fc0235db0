"""The widest network within a latency: a search of the free-width frontier by few timed candidates, as pure functions.

Latency is no smooth function of the width: it comes in steps, and a width that leaves the runtime's blocked kernels may
be slower than a wider one that fills them. So the search does not look for the width at which latency crosses the
target; it looks for the widest one within it, and times the most aligned candidates first.

It is exact for every curve in which no width is faster than a narrower one that is at least as aligned. Smooth curves,
staircases, and staircases on which unaligned widths are slow are such curves. On others it may miss a wider width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from microbench.measure.interval import Interval

TOLERANCE = 0.02
"""A width whose latency is above the target by no more than this share is within it."""

MAX_CANDIDATES = 12

MOST_ALIGNED = 16
"""Channels of the widest vectors in float32, 64 bytes; see `alignment_of`."""

ALIGNED = 8
"""Widths of this alignment or more are called aligned: 8 channels are a vector of AVX2 in float32."""

_FIRST_EXPONENT = 1.5
"""Of latency's growth with the width, until two points are measured: between the bytes' 1 and the arithmetic's 2."""

_FARTHEST = 3
"""How many times as wide as the widest one within the target a candidate may be."""

_REACH = 8 * MOST_ALIGNED
"""Among so many widths one is aligned to `MOST_ALIGNED`, or none is in any block that we know."""

Alignment = Callable[[int], int]
"""By width, the largest power of two, 16 at most, that divides the channels which matter."""


def alignment_of(channels: int) -> int:
    """The largest power of two, 16 at most, that divides a number of channels.

    >>> [alignment_of(channels) for channels in (14, 24, 32, 48)]
    [2, 8, 16, 16]
    """
    return math.gcd(channels, MOST_ALIGNED)


@dataclass(frozen=True)
class Choice:
    """What the search came to."""

    width: int
    """The widest timed width within the target; the fastest one if none is within it."""
    latency: Interval
    """In milliseconds."""
    target_ms: float
    is_within: bool
    """Whether its latency is above the target by no more than the tolerance."""
    is_open: bool
    """Whether its interval spans the limit, so that noise decides whether it is within."""
    open_wider: tuple[int, ...]
    """Wider timed widths that are not within the target, but whose intervals reach into it."""
    next_slower: int | None
    """The narrowest wider width that was timed."""
    is_cut_short: bool
    """Whether the number of candidates ended the search, so that a wider width may be within the target."""

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        deviation = self.latency.estimate / self.target_ms - 1
        text = (
            f"take c={self.width}, {abs(deviation):.1%} {'slower' if deviation > 0 else 'faster'} than the target of "
            f"{self.target_ms:.4g} ms"
        )
        if not self.is_within:
            return f"{text}: no timed width is within {TOLERANCE:.0%} of it"
        if self.next_slower is not None:
            text += f": the timed widths from c={self.next_slower} on are slower than it"
        if self.is_cut_short:
            text += f"; the search ended at its limit of {MAX_CANDIDATES} candidates"
        if self.is_open:
            text += "; whether it is within is open, as its interval spans the limit"
        if self.open_wider:
            widths = ", ".join(f"c={width}" for width in self.open_wider)
            text += f"; {widths} may be within too, by the intervals"
        return text


def next_width(timed: Mapping[int, Interval], target_ms: float, first: int, alignment: Alignment) -> int | None:
    """The width to time next, or None if the search is over.

    First the most aligned widths on both sides of the target are found, by a power law through the nearest points. Then
    the most aligned width that may still be within the target is timed, until none is left. Last, up to two unaligned
    widths just below an aligned choice, to show what alignment is worth.

    Args:
        timed: latency in milliseconds by width; infinite for a width that cannot be run.
        target_ms: the latency to stay within.
        first: where to begin.
        alignment: of each width, a power of two; all multiples of some width are aligned to `MOST_ALIGNED`.
    """
    if not timed:
        return first
    if len(timed) >= MAX_CANDIDATES or not any(math.isfinite(latency.estimate) for latency in timed.values()):
        return None
    following = _following(timed, target_ms, alignment)
    return _unaligned_below(timed, target_ms, alignment) if following is None else following


def choose(timed: Mapping[int, Interval], target_ms: float) -> Choice:
    """The widest timed width within the target.

    MACs grow with the width, so that it is also the one with the most MACs.

    Args:
        timed: latency in milliseconds by width, at least one of them finite.
        target_ms: the latency to stay within.
    """
    limit_ms = _limit(target_ms)
    within = _within(timed, target_ms)
    width = max(within) if within else min(timed, key=lambda each: timed[each].estimate)
    wider = sorted(each for each in timed if each > width)
    return Choice(
        width=width,
        latency=timed[width],
        target_ms=target_ms,
        is_within=bool(within),
        is_open=timed[width].low <= limit_ms < timed[width].high,
        open_wider=tuple(each for each in wider if timed[each].low <= limit_ms),
        next_slower=wider[0] if wider else None,
        is_cut_short=len(timed) >= MAX_CANDIDATES,
    )


def best_unaligned(timed: Mapping[int, Interval], target_ms: float, alignment: Alignment) -> int | None:
    """The widest unaligned width that was timed within the target, or None."""
    return max((width for width in _within(timed, target_ms) if alignment(width) < ALIGNED), default=None)


def _limit(target_ms: float) -> float:
    return target_ms * (1 + TOLERANCE)


def _within(timed: Mapping[int, Interval], target_ms: float) -> list[int]:
    return [width for width, latency in timed.items() if latency.estimate <= _limit(target_ms)]


def _following(timed: Mapping[int, Interval], target_ms: float, alignment: Alignment) -> int | None:
    """The next candidate that may be wider than all that are within the target; None if there is none."""
    low = max(_within(timed, target_ms), default=0)
    slow = [width for width in timed if width > low]
    guess = _power_law(timed, target_ms)
    ends = [width for width in slow if alignment(width) == MOST_ALIGNED]
    if not ends:
        # Latency on a step of a staircase says little of widths far beyond it.
        farthest = _FARTHEST * max(low, -(-MOST_ALIGNED // _FARTHEST))
        guess = min(guess, farthest)
        untimed = [width for width in range(low + 1, max(guess, low) + _REACH) if width not in timed]
        return min(untimed, key=lambda width: (-alignment(width), abs(width - guess)))
    # Nor does it within the bracket: each candidate leaves out a quarter at least.
    quarter = (min(ends) - low) // 4
    guess = min(max(guess, low + quarter), min(ends) - quarter)
    candidates = [
        width
        for width in range(low + 1, min(ends))
        if width not in timed and not any(v < width and alignment(v) >= alignment(width) for v in slow)
    ]
    return min(candidates, key=lambda width: (-alignment(width), abs(width - guess)), default=None)


def _unaligned_below(timed: Mapping[int, Interval], target_ms: float, alignment: Alignment) -> int | None:
    within = _within(timed, target_ms)
    chosen = max(within, default=0)
    # The last candidate is kept for the search, which a full number of them would seem to have cut short.
    if not chosen or alignment(chosen) < ALIGNED or len(timed) >= MAX_CANDIDATES - 1:
        return None
    for width in (chosen - 1, chosen - 2):
        if width < 1 or width in within:
            return None
        if width not in timed and alignment(width) < ALIGNED:
            return width
    return None


def _power_law(timed: Mapping[int, Interval], target_ms: float) -> int:
    """Where latency would be the target's, if it were a power of the width through the two points nearest to it."""
    known = {width: latency.estimate for width, latency in timed.items() if math.isfinite(latency.estimate)}
    nearest, *others = sorted(known, key=lambda width: abs(math.log(known[width] / target_ms)))
    exponent = _FIRST_EXPONENT
    if others:
        slope = math.log(known[others[0]] / known[nearest]) / math.log(others[0] / nearest)
        # Two noisy points close together may say anything.
        exponent = min(max(slope, 0.5), 2.5)
    return max(round(nearest * math.pow(target_ms / known[nearest], 1 / exponent)), 1)
