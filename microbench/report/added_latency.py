"""What a path interaction adds to the latency of the network without one (the last column of the paper's Table 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.measure.undisturbed import difference_interval
from microbench.report.labels import configuration_label
from microbench.report.paired_latencies import paired_latencies

BASELINE = "none"


@dataclass(frozen=True)
class AddedLatency:
    """How much longer the network takes with an interaction than without one, in one configuration."""

    interaction: str
    target: str
    added_ms: Interval
    is_paired: bool
    """Whether the interaction's row and the baseline's were sampled side by side."""

    @staticmethod
    def of(record: Record, baseline: Record) -> AddedLatency | None:
        """From generations that both rows have; None where there are fewer than two."""
        pairs = paired_latencies(record, baseline)
        if len(pairs) < 2:
            return None
        added = difference_interval([a for a, _ in pairs], [b for _, b in pairs])
        return AddedLatency(
            interaction=str(record.axes["interaction"]),
            target=configuration_label(record.configuration),
            added_ms=added,
            is_paired=record.run == baseline.run,
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def added_latency(records: Sequence[Record]) -> list[AddedLatency]:
    """One for every measured interaction whose configuration has a measured baseline."""
    baselines = {
        record.configuration: record
        for record in records
        if record.axes["interaction"] == BASELINE and record.measurement
    }
    found = [
        AddedLatency.of(record, baselines[record.configuration])
        for record in records
        if record.axes["interaction"] != BASELINE and record.measurement and record.configuration in baselines
    ]
    return [row for row in found if row is not None]
