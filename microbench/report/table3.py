"""Table 3 for people, and what each interaction adds to the latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.measure.statistics import difference_interval
from microbench.measure.wording import significant
from microbench.report.accuracy import Accuracy
from microbench.report.generations import paired
from microbench.report.network_table import (
    RUN_IN,
    measured_cells,
    miou_cell,
    network_table,
    remarks_cell,
    target_of,
)
from microbench.report.published import PAPER_RESOLUTION, published

BASELINE = "none"


@dataclass(frozen=True)
class AddedLatency:
    """What an interaction takes beyond the network without one, in one configuration."""

    interaction: str
    target: str
    added_ms: float
    low_ms: float
    high_ms: float
    interleaved: bool
    """Whether the interaction's row and the baseline's were sampled side by side."""

    @staticmethod
    def of(record: Record, baseline: Record) -> AddedLatency | None:
        """From generations that both rows have; None where there are fewer than two."""
        pairs = paired(record, baseline)
        if len(pairs) < 2:
            return None
        added: Interval = difference_interval([a for a, _ in pairs], [b for _, b in pairs])
        return AddedLatency(
            interaction=str(record.axes["interaction"]),
            target=target_of(record),
            added_ms=added.estimate,
            low_ms=added.low,
            high_ms=added.high,
            interleaved=record.run == baseline.run,
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def added_latency(records: Sequence[Record]) -> list[AddedLatency]:
    """Of every measured interaction whose configuration has a measured baseline."""
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


def table3(
    records: Sequence[Record], added: Sequence[AddedLatency], accuracies: Mapping[str, Accuracy]
) -> pd.DataFrame:
    """One line an interaction, whose accuracy goes by its name; the paper's columns last but for the remarks."""
    paper = {str(row["interaction"]): row for row in published("table3").to_dict("records")}
    by_place = {(row.interaction, row.target): row for row in added}
    lines = []
    for record in records:
        name = str(record.axes["interaction"])
        theirs = paper.get(name) if record.axes["resolution"] == PAPER_RESOLUTION else None
        lines.append(
            {
                "interaction": name,
                RUN_IN: target_of(record),
                **miou_cell(accuracies, name),
                **measured_cells(record),
                "added ms (95% CI)": _added_text(by_place.get((name, target_of(record)))),
                "paper's mIoU %": significant(theirs["miou_percent"]) if theirs else "",
                "paper's ms": significant(theirs["latency_ms"]) if theirs else "",
                "paper's added ms": significant(theirs["added_latency_ms"]) if theirs else "",
                **remarks_cell(record),
            }
        )
    return network_table(lines)


def _added_text(added: AddedLatency | None) -> str:
    if added is None:
        return ""
    doubt = "" if added.interleaved else ", not interleaved"
    return f"{added.added_ms:+.2f} ({added.low_ms:+.2f} to {added.high_ms:+.2f}{doubt})"
