"""How many times the MACs a millisecond one block does compared with another: Figure 4's number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report import marginal
from microbench.report.labels import configuration_label
from microbench.report.latency_ratio import LatencyRatio, latency_ratio
from microbench.report.marginal import MarginalCost

Protocol = Literal["alone", "inside a network"]
"""What is compared: graphs of a single block, as the paper's are, or what one more block costs inside a network."""


@dataclass(frozen=True)
class EfficiencyRatio:
    """How many times the MACs a millisecond one block does compared with another, in one configuration."""

    target: str
    """What both were run in, in words."""
    protocol: Protocol
    ratio: Interval
    is_paired: bool
    """Whether both rows were sampled side by side."""

    @property
    def sentence(self) -> str:
        """The ratio in words."""
        doubt = "" if self.is_paired else " (rows of different runs)"
        return (
            f"{self.target}, {self.protocol}: the standard convolution does {self.ratio.estimate:.2f} times the MACs a "
            f"millisecond of the depthwise separable one (95% CI {self.ratio.low:.2f} to {self.ratio.high:.2f}){doubt}."
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def efficiency_ratios(records: Sequence[Record], numerator: str, denominator: str) -> list[EfficiencyRatio]:
    """The ratio of two blocks' efficiencies for every configuration in which both were measured."""
    rows = {(record.configuration, record.axes["block"]): record for record in records if record.measurement}
    pairs = [
        (rows[configuration, numerator], rows[configuration, denominator])
        for configuration in dict.fromkeys(record.configuration for record in records)
        if (configuration, numerator) in rows and (configuration, denominator) in rows
    ]
    return [_ratio("alone", first, efficiency_advantage(first, second)) for first, second in pairs]


def marginal_efficiency_ratios(
    costs: Sequence[MarginalCost], numerator: str, denominator: str
) -> list[EfficiencyRatio]:
    """The same of one more block inside a network, where its cost is surely above 0."""
    by_block = {(cost.configuration, cost.axes["block"]): cost for cost in costs}
    ratios = []
    for configuration in dict.fromkeys(cost.configuration for cost in costs):
        first, second = (by_block.get((configuration, block)) for block in (numerator, denominator))
        advantage = marginal.efficiency_advantage(first, second) if first and second else None
        if first is not None and advantage is not None:
            ratios.append(_ratio("inside a network", first, advantage))
    return ratios


def efficiency_advantage(first: Record, second: Record) -> LatencyRatio:
    """How many times the MACs a millisecond of the second row the first one does.

    Raises:
        ValueError: a row without a measurement or without MACs.
    """
    if first.cost is None or second.cost is None or not second.cost.macs:
        raise ValueError(f"Rows {first.name!r} and {second.name!r} must both have MACs.")
    return latency_ratio(second, first).scaled(first.cost.macs / second.cost.macs)


def _ratio(protocol: Protocol, first: Record | MarginalCost, advantage: LatencyRatio) -> EfficiencyRatio:
    target = configuration_label(first.configuration)
    return EfficiencyRatio(target, protocol, advantage.interval, advantage.is_paired)
