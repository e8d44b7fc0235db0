"""How many times one block's advantage over another changes with a switch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report import marginal
from microbench.report.controlled.conclusion import Conclusion, Outcome
from microbench.report.efficiency_ratio import Protocol, efficiency_advantage
from microbench.report.latency_ratio import BETWEEN_RUNS, latency_ratio
from microbench.report.marginal import marginal_costs
from microbench.report.verdicts.rivals import MAX_HALF_WIDTH, MIN_LOADS

NEGLIGIBLE = 0.05
"""A change by no more than this share, as far as the interval reaches, is none."""


@dataclass(frozen=True)
class RatioChange:
    """The ratio of two blocks' efficiencies (MACs a millisecond) with a switch on and off."""

    protocol: Protocol
    on: Interval
    off: Interval
    change: Interval
    """The ratio with the switch on over that with it off."""
    control: Interval
    """Latency of the second block with the switch on over that with it off."""
    loads: int
    """Of the model that was loaded least often."""

    @property
    def outcome(self) -> Outcome:
        """Ruled out where the interval holds no change by 5% or more, else shown where it excludes 1.

        Fewer loads than a verdict needs, or a wider interval, decide nothing.
        """
        if self.weakness:
            return "undecided"
        if self.change.low >= 1 / (1 + NEGLIGIBLE) and self.change.high <= 1 + NEGLIGIBLE:
            return "ruled out"
        return "shown" if self.change.excludes(1.0) else "undecided"

    @property
    def weakness(self) -> str:
        """Why the change can decide nothing; empty if it can."""
        if self.loads < MIN_LOADS:
            return f"a row has {self.loads} loads, and {MIN_LOADS} are needed"
        width = self.change.half_width_share
        if width > MAX_HALF_WIDTH:
            return f"the change is known to ±{width:.0%}, and ±{MAX_HALF_WIDTH:.0%} is the most that decides"
        return ""

    @property
    def consequence(self) -> str:
        """What the switch does to the paper's first principle, that the standard convolution is the more efficient."""
        sides = [_side(interval) for interval in (self.on, self.off)]
        if 0 in sides:
            return "which of the two blocks is the more efficient is open in one of the two"
        if sides[0] == sides[1]:
            better = "the standard" if sides[0] > 0 else "the depthwise separable"
            return f"{better} convolution is the more efficient with it on and off"
        return "which of the two blocks is the more efficient depends on this switch"

    def conclusion(self, target: str, switch: str) -> Conclusion:
        """The answer in words.

        Args:
            target: what was run in.
            switch: its name, e.g. "Winograd's algorithm".
        """
        evidence = (
            f"the standard convolution does {_text(self.on)} times the MACs a millisecond of the depthwise separable "
            f"one with it on and {_text(self.off)} times with it off, a change by {_text(self.change)}; "
            f"{self.consequence}; the depthwise separable pair itself takes {_text(self.control)} times as long with "
            "it on as with it off" + (f"; {self.weakness}" if self.weakness else "")
        )
        return Conclusion(target, f"does {switch} change conv : sepconv ({self.protocol})?", self.outcome, evidence)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "outcome": self.outcome}


def ratio_changes(on: Sequence[Record], off: Sequence[Record], numerator: str, denominator: str) -> list[RatioChange]:
    """The change of the ratio by both protocols, as far as both arms have the rows.

    Args:
        on: rows with the switch on: single blocks, and chains if any.
        off: the same rows with it off; of the same run, or the interval is widened.
        numerator: the block whose advantage is asked for.
        denominator: the block that it is compared with.
    """
    loads = min((record.measurement.loads for record in (*on, *off) if record.measurement), default=0)
    allowance = 1.0 if len({record.run for record in (*on, *off)}) == 1 else 1 + BETWEEN_RUNS
    by_protocol: dict[Protocol, _Arms | None] = {
        "alone": _single(on, off, numerator, denominator),
        "inside a network": _marginal(on, off, numerator, denominator),
    }
    return [
        RatioChange(protocol, arms.on, arms.off, _quotient(arms.on, arms.off, allowance), arms.control, loads)
        for protocol, arms in by_protocol.items()
        if arms is not None
    ]


@dataclass(frozen=True)
class _Arms:
    on: Interval
    off: Interval
    control: Interval


def _single(on: Sequence[Record], off: Sequence[Record], numerator: str, denominator: str) -> _Arms | None:
    rows = [
        next((r for r in arm if r.axes["depth"] == 1 and r.axes["block"] == block and r.measurement and r.cost), None)
        for arm in (on, off)
        for block in (numerator, denominator)
    ]
    on_first, on_second, off_first, off_second = rows
    if on_first is None or on_second is None or off_first is None or off_second is None:
        return None
    return _Arms(
        efficiency_advantage(on_first, on_second).interval,
        efficiency_advantage(off_first, off_second).interval,
        latency_ratio(on_second, off_second).interval,
    )


def _marginal(on: Sequence[Record], off: Sequence[Record], numerator: str, denominator: str) -> _Arms | None:
    costs = marginal_costs([*on, *off])
    by_row = {(cost.configuration, cost.axes["block"]): cost for cost in costs}
    rows = [by_row.get((arm[0].configuration, block)) for arm in (on, off) if arm for block in (numerator, denominator)]
    if len(rows) < 4 or any(row is None for row in rows):
        return None
    on_first, on_second, off_first, off_second = (row for row in rows if row is not None)
    found = (
        marginal.efficiency_advantage(on_first, on_second),
        marginal.efficiency_advantage(off_first, off_second),
        marginal.cost_ratio(on_second, off_second),
    )
    known = [ratio.interval for ratio in found if ratio is not None]
    return _Arms(*known) if len(known) == len(found) else None


def _quotient(first: Interval, second: Interval, allowance: float) -> Interval:
    """The ratio of two ratios, its interval from theirs.

    By Zou and Donner's method of variance estimates recovery (Statistics in Medicine 27, 2008), in logarithms: each
    bound's distance is the root of the sum of squares of the distances that it comes of.

    Args:
        first: the numerator.
        second: the denominator.
        allowance: at least 1; both bounds are moved outwards by this factor.
    """
    if min(first.low, second.low) <= 0:
        return Interval(first.estimate / second.estimate, 0.0, math.inf)
    down = math.hypot(math.log(first.estimate / first.low), math.log(second.high / second.estimate))
    up = math.hypot(math.log(first.high / first.estimate), math.log(second.estimate / second.low))
    estimate = first.estimate / second.estimate
    return Interval(estimate, estimate * math.exp(-down) / allowance, estimate * math.exp(up) * allowance)


def _side(ratio: Interval) -> int:
    if not ratio.excludes(1.0):
        return 0
    return 1 if ratio.low > 1 else -1


def _text(ratio: Interval) -> str:
    return f"{ratio.estimate:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
