"""A claim that one network is so many times as fast as another, beside what it is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report.labels import configuration_label
from microbench.report.latency_ratio import latency_ratio
from microbench.report.published_speeds import PublishedSpeed


@dataclass(frozen=True)
class ClaimedSpeed:
    """The ratio of two networks' speeds, published and measured, each network at its published resolution."""

    target: str
    faster: str
    slower: str
    published: float
    measured: Interval
    """With its 95% interval."""

    @property
    def sentence(self) -> str:
        """In words."""
        return (
            f"{self.target}: {self.faster} is {self.measured.estimate:.2f} times as fast as {self.slower} "
            f"({self.measured.low:.2f} to {self.measured.high:.2f}), each at its published resolution; published are "
            f"{self.published:.2f} times."
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def claimed_speeds(
    records: Sequence[Record], speeds: Sequence[PublishedSpeed], faster: str, slower: str
) -> list[ClaimedSpeed]:
    """One for each configuration in which both networks are measured.

    Args:
        records: of networks to their score maps, and others.
        speeds: the published ones, of these two networks among them.
        faster: its name in the published table.
        slower: likewise.
    """
    first, second = (next(speed for speed in speeds if speed.method == method) for method in (faster, slower))
    by_place = {
        (record.configuration, str(record.axes["network"]), str(record.axes["resolution"])): record
        for record in records
        if record.measurement is not None and record.axes["protocol"] == "scores"
    }
    found = []
    for configuration in dict.fromkeys(record.configuration for record in records):
        own, others = (by_place.get((configuration, str(speed.network), speed.resolution)) for speed in (first, second))
        if own is not None and others is not None:
            ratio = latency_ratio(others, own).interval
            found.append(
                ClaimedSpeed(configuration_label(configuration), faster, slower, first.fps / second.fps, ratio)
            )
    return found
