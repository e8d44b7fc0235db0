"""How many times one block's advantage over another changes with a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap
from microbench.report.controlled.conclusion import Conclusion, Outcome
from microbench.report.efficiency_ratio import Protocol
from microbench.report.latency_ratio import BETWEEN_RUNS
from microbench.report.marginal import marginal_costs
from microbench.report.verdicts.rivals import MIN_LOADS

NEGLIGIBLE = 0.05
"""A change by no more than this share, as far as the interval reaches, is none."""

Values = NDArray[np.float64]


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

        Fewer loads than a verdict needs decide nothing.
        """
        if self.loads < MIN_LOADS:
            return "undecided"
        if self.change.low >= 1 / (1 + NEGLIGIBLE) and self.change.high <= 1 + NEGLIGIBLE:
            return "ruled out"
        return "shown" if self.change.excludes(1.0) else "undecided"

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
            "it on as with it off"
            + (f"; a row has {self.loads} loads, and {MIN_LOADS} are needed" if self.loads < MIN_LOADS else "")
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
    same_run = len({record.run for record in (*on, *off)}) == 1
    loads = min((record.measurement.loads for record in (*on, *off) if record.measurement), default=0)
    by_protocol: dict[Protocol, Resampled] = {
        "alone": _single([*on, *off]),
        "inside a network": _marginal([*on, *off]),
    }
    found = []
    for protocol, resampled in by_protocol.items():
        keys = [(arm[0].configuration, block) for arm in (on, off) if arm for block in (numerator, denominator)]
        if len(keys) == 4 and all(key in resampled for key in keys):
            found.append(_change(protocol, [resampled[key] for key in keys], loads, widened=not same_run))
    return found


Resampled = Mapping[tuple[Any, str], tuple[float, Values, int]]
"""By configuration and block: latency or marginal cost, the same in each resample, and the MACs."""


def _single(records: Sequence[Record]) -> Resampled:
    rows = [record for record in records if record.axes["depth"] == 1 and can_bootstrap(record) and record.cost]
    if not rows:
        return {}
    drawn = bootstrap_latencies_ms(rows)
    return {
        (record.configuration, str(record.axes["block"])): (record.measurement.latency_ms, own, record.cost.macs)
        for record, own in zip(rows, drawn, strict=True)
        if record.measurement and record.cost
    }


def _marginal(records: Sequence[Record]) -> Resampled:
    return {
        (cost.configuration, str(cost.axes["block"])): (cost.marginal_ms.estimate, cost.resampled_ms, cost.macs)
        for cost in marginal_costs(records)
        if cost.macs and cost.marginal_ms.low > 0 and bool((cost.resampled_ms > 0).all())
    }


def _change(protocol: Protocol, rows: Sequence[tuple[float, Values, int]], loads: int, *, widened: bool) -> RatioChange:
    """Of the rows on/numerator, on/denominator, off/numerator, off/denominator."""
    (on_a, on_a_drawn, macs_a), (on_b, on_b_drawn, macs_b), (off_a, off_a_drawn, _), (off_b, off_b_drawn, _) = rows
    macs = macs_a / macs_b
    return RatioChange(
        protocol=protocol,
        on=_interval(macs * on_b / on_a, macs * on_b_drawn / on_a_drawn),
        off=_interval(macs * off_b / off_a, macs * off_b_drawn / off_a_drawn),
        change=_interval(
            on_b / on_a / (off_b / off_a), on_b_drawn / on_a_drawn / (off_b_drawn / off_a_drawn), widened=widened
        ),
        control=_interval(on_b / off_b, on_b_drawn / off_b_drawn, widened=widened),
        loads=loads,
    )


def _interval(estimate: float, drawn: Values, *, widened: bool = False) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    allowance = 1 + BETWEEN_RUNS if widened else 1.0
    return Interval(float(estimate), float(low) / allowance, float(high) * allowance)


def _side(ratio: Interval) -> int:
    if not ratio.excludes(1.0):
        return 0
    return 1 if ratio.low > 1 else -1


def _text(ratio: Interval) -> str:
    return f"{ratio.estimate:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
