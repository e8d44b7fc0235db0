"""How many times as long a block takes where it finds the processor's caches cold, alone and inside a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from microbench.measure.interval import Interval
from microbench.measure.record import Configuration, Record
from microbench.measure.timing import COLD, HOT
from microbench.measure.workload import Axis
from microbench.report.labels import configuration_label
from microbench.report.latency_ratio import latency_ratio
from microbench.report.marginal import MarginalCost, cost_ratio


@dataclass(frozen=True)
class CacheRatio:
    """Latency with cold caches over latency with hot ones, of one block in one configuration."""

    target: str
    """What it was run in, in words."""
    block: str
    alone: Interval | None
    """Of a graph of one block; None where it was not measured both hot and cold."""
    inside: Interval | None
    """Of one more block inside a network; None where that is not known, or not surely above 0."""

    @property
    def sentence(self) -> str:
        """The ratios in words."""
        parts = []
        if self.alone is not None:
            parts.append(f"alone {_text(self.alone)}")
        if self.inside is not None:
            parts.append(f"as one more block inside a network {_text(self.inside)}")
        return f"{self.target}, {self.block}: with cold caches it takes {', '.join(parts)}."

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def cache_ratios(singles: Sequence[Record], costs: Sequence[MarginalCost]) -> list[CacheRatio]:
    """One for each block and configuration that was measured both hot and cold, in the order of the cold rows.

    Args:
        singles: graphs of one block.
        costs: of chains of the same blocks.
    """
    rows = {_place(row.axes, row.configuration): row for row in singles if row.measurement}
    slopes = {_place(cost.axes, cost.configuration): cost for cost in costs}
    found = []
    for block, configuration in {**rows, **slopes}:
        if configuration.cache != COLD:
            continue
        hot = replace(configuration, cache=HOT)
        pair = [rows.get((block, of)) for of in (configuration, hot)]
        slope = [slopes.get((block, of)) for of in (configuration, hot)]
        alone = latency_ratio(pair[0], pair[1]).interval if pair[0] and pair[1] else None
        ratio = cost_ratio(slope[0], slope[1]) if slope[0] and slope[1] else None
        if alone is not None or ratio is not None:
            found.append(CacheRatio(configuration_label(hot), block, alone, ratio.interval if ratio else None))
    return found


def _place(axes: Mapping[str, Axis], configuration: Configuration) -> tuple[str, Configuration]:
    return str(axes["block"]), configuration


def _text(ratio: Interval) -> str:
    return f"{ratio.estimate:.2f} times as long (95% CI {ratio.low:.2f} to {ratio.high:.2f})"
