"""How many times more efficient one block is than another: of Figure 4's two, and of any."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from microbench.measure.record import Record
from microbench.measure.statistics import ratio_interval
from microbench.report.labels import configuration_label
from microbench.report.paired_latencies import paired_latencies


@dataclass(frozen=True)
class EfficiencyRatio:
    """How many times more MACs a millisecond one block does than another, in one runtime."""

    target: str
    ratio: float
    low: float
    high: float
    interleaved: bool
    """Whether both rows were sampled side by side; if not, drift is in the ratio and not in its interval."""

    @property
    def sentence(self) -> str:
        """The ratio in words."""
        doubt = "" if self.interleaved else " (rows of different runs: drift not accounted for)"
        return (
            f"{self.target}: the standard convolution does {self.ratio:.2f} times the MACs a millisecond of the "
            f"depthwise separable one (95% CI {self.low:.2f} to {self.high:.2f}){doubt}."
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def efficiency_ratios(records: Sequence[Record], numerator: str, denominator: str) -> list[EfficiencyRatio]:
    """The ratio of two blocks' efficiencies for every configuration in which both were measured."""
    rows = {(record.configuration, record.axes["block"]): record for record in records if record.measurement}
    return [
        _efficiency_ratio(rows[configuration, numerator], rows[configuration, denominator])
        for configuration in dict.fromkeys(record.configuration for record in records)
        if (configuration, numerator) in rows and (configuration, denominator) in rows
    ]


def _efficiency_ratio(first: Record, second: Record) -> EfficiencyRatio:
    pairs = paired_latencies(first, second)
    slowdown = ratio_interval([b for _, b in pairs], [a for a, _ in pairs])
    ratio = slowdown.scaled(first.cost.macs / second.cost.macs if first.cost and second.cost else math.nan)
    return EfficiencyRatio(
        target=configuration_label(first.configuration),
        ratio=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        interleaved=first.run == second.run,
    )
