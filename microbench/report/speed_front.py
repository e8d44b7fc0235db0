"""Which networks no other network beats both in speed and in accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap
from microbench.report.labels import configuration_label
from microbench.report.published_speeds import PublishedSpeed

FEWEST_NETWORKS = 3
"""Of fewer, there is hardly anything to trade."""


@dataclass(frozen=True)
class OnFront:
    """A network of the front."""

    network: str
    latency_ms: float
    miou_percent: float
    share: float
    """Of the resamples of the latencies in which it is on the front."""


@dataclass(frozen=True)
class Front:
    """The networks that none is both faster and at least as accurate as, the fastest first."""

    target: str
    accuracy: str
    """Which accuracy it is, in words."""
    networks: int
    """That were compared."""
    members: tuple[OnFront, ...]

    @property
    def sentence(self) -> str:
        """In words."""
        members = ", ".join(
            f"{one.network} ({one.latency_ms:.4g} ms, {one.miou_percent:.1f}%, {one.share:.0%} of resamples)"
            for one in self.members
        )
        return f"{self.target}: front of latency here and {self.accuracy}, of {self.networks} networks: {members}."

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def fronts(
    records: Sequence[Record], speeds: Sequence[PublishedSpeed], accuracies: Mapping[str, Accuracy]
) -> list[Front]:
    """For each configuration: the front with the published accuracy, and with the accuracy measured here.

    The published accuracy is that of the test split, or of val where a table has no other, and belongs to the
    resolution that it was published with. The one measured here belongs to the network; it is shown at the first
    resolution at which all networks that are trained are timed.

    Args:
        records: of networks to their score maps; others are left out.
        speeds: with the published accuracies.
        accuracies: measured here, by network.
    """
    found = []
    for configuration in dict.fromkeys(record.configuration for record in records):
        by_place = {
            (str(record.axes["network"]), str(record.axes["resolution"])): record
            for record in records
            if record.configuration == configuration and record.axes["protocol"] == "scores" and can_bootstrap(record)
        }
        target = configuration_label(configuration)
        published = {
            f"{speed.method} at {speed.resolution}": (record, miou)
            for speed in speeds
            if speed.network
            and (record := by_place.get((speed.network, speed.resolution))) is not None
            and (miou := _published_miou(speed)) is not None
        }
        found += _front(target, "published mIoU", published)
        for resolution in dict.fromkeys(resolution for _, resolution in by_place):
            trained = {
                f"{network} at {resolution}": (by_place[network, resolution], 100 * accuracy.mean_iou)
                for network, accuracy in accuracies.items()
                if (network, resolution) in by_place
            }
            if len(trained) == len(accuracies):
                found += _front(target, "mIoU measured here", trained)
                break
    return found


def _published_miou(speed: PublishedSpeed) -> float | None:
    return speed.miou_val_percent if speed.miou_test_percent is None else speed.miou_test_percent


def _front(target: str, accuracy: str, rows: Mapping[str, tuple[Record, float]]) -> list[Front]:
    if len(rows) < FEWEST_NETWORKS:
        return []
    records, mious = [record for record, _ in rows.values()], np.array([miou for _, miou in rows.values()])
    latencies_ms = np.array([record.measurement.latency_ms for record in records if record.measurement is not None])
    shares = _unbeaten(bootstrap_latencies_ms(records), mious).mean(1)
    unbeaten = _unbeaten(latencies_ms[:, None], mious)[:, 0]
    members = [
        OnFront(name, float(latencies_ms[place]), float(mious[place]), float(shares[place]))
        for place, name in enumerate(rows)
        if unbeaten[place]
    ]
    members.sort(key=lambda member: member.latency_ms)
    return [Front(target, accuracy, len(rows), tuple(members))]


def _unbeaten(latencies_ms: Any, mious: Any) -> Any:
    """Whether each row is on the front, (rows, resamples), from latencies of that shape and mIoU (rows,)."""
    at_least_as_accurate = mious[:, None] >= mious[None, :]  # (other, row)
    better = at_least_as_accurate & ~np.eye(len(mious), dtype=bool)
    faster = latencies_ms[:, None, :] < latencies_ms[None, :, :]
    return ~(faster & better[:, :, None]).any(0)
