"""How far the order in which networks were published, by speed, is their order on this device."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap
from microbench.report.labels import configuration_label
from microbench.report.published_speeds import PublishedSpeed

FEWEST_NETWORKS = 3
"""Of fewer, an order says nothing."""
FEWEST_FOR_INTERVAL = 5
"""Of fewer networks, too little is known of how they differ for an interval of their order's agreement."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Inversion:
    """Two networks of which the one that was published as the faster is the slower one here."""

    faster_published: str
    slower_published: str
    published_ratio: float
    """The first one's published speed over the second one's."""
    measured_ratio: float
    """The same of the measured speeds: below 1."""
    share: float
    """Of the bootstrap's resamples in which it is inverted."""
    same_gpu: bool
    """Whether both speeds were published for one graphics card."""


@dataclass(frozen=True)
class PublishedOrder:
    """How well the published order and the measured one agree, over networks at their published resolutions."""

    target: str
    gpu: str | None
    """The graphics card of all published speeds; None if they are of several."""
    networks: int
    spearman: Interval
    kendall: Interval
    inversions: tuple[Inversion, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """In words: the agreement, and each pair that is inverted."""
        where = f"published on {self.gpu}" if self.gpu else "published on several GPUs"
        agreement = (
            f"{self.target}: order of {self.networks} networks {where} against here, at the published resolutions: "
            f"Spearman {_correlation_text(self.spearman)}, Kendall {_correlation_text(self.kendall)}."
        )
        return agreement, *(self._inversion_sentence(inversion) for inversion in self.inversions)

    def _inversion_sentence(self, inversion: Inversion) -> str:
        gpus = "" if inversion.same_gpu else ", on different GPUs"
        return (
            f"{self.target}: {inversion.faster_published} was published {inversion.published_ratio:.2f} times as fast "
            f"as {inversion.slower_published}{gpus}; here it is {inversion.measured_ratio:.2f} times as fast "
            f"(slower in {inversion.share:.0%} of resamples)."
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Compared:
    """A network with both speeds."""

    name: str
    gpu: str
    published_ms: float
    record: Record


def published_orders(records: Sequence[Record], speeds: Sequence[PublishedSpeed]) -> list[PublishedOrder]:
    """For each configuration: of all published speeds together, then of each graphics card's own.

    A speed counts where the network is measured at the resolution that the speed was published for. The inverted pairs
    are listed once: with all speeds together, or with each card's if every network was published on all of several
    (Table 8's two boards).
    """
    found = []
    for configuration in dict.fromkeys(record.configuration for record in records):
        own = [record for record in records if record.configuration == configuration]
        compared = _compared(own, speeds)
        gpus = list(dict.fromkeys(one.gpu for one in compared))
        target = configuration_label(configuration)
        repeated = len({one.name for one in compared}) < len(compared)
        if not repeated:
            found += _order(target, compared, gpus[0] if len(gpus) == 1 else None, list_pairs=True)
        if repeated or len(gpus) > 1:
            for gpu in gpus:
                found += _order(target, [one for one in compared if one.gpu == gpu], gpu, list_pairs=repeated)
    return found


def _compared(records: Sequence[Record], speeds: Sequence[PublishedSpeed]) -> list[_Compared]:
    by_place = {
        (str(record.axes["network"]), str(record.axes["resolution"])): record
        for record in records
        if record.axes["protocol"] == "scores" and can_bootstrap(record)
    }
    return [
        _Compared(speed.method, speed.gpu, speed.latency_ms, record)
        for speed in speeds
        if speed.network and (record := by_place.get((speed.network, speed.resolution))) is not None
    ]


def _order(target: str, compared: Sequence[_Compared], gpu: str | None, *, list_pairs: bool) -> list[PublishedOrder]:
    if len(compared) < FEWEST_NETWORKS:
        return []
    published_ms = np.array([one.published_ms for one in compared])
    measured_ms = np.array([_latency_ms(one.record) for one in compared])
    resampled_ms = bootstrap_latencies_ms([one.record for one in compared])
    pairs = itertools.combinations(range(len(compared)), 2)
    inversions = [_inversion(compared, i, j, resampled_ms) for i, j in pairs] if list_pairs else []
    spearman, kendall = (
        _interval(correlation, published_ms, measured_ms, resampled_ms) for correlation in (spearman_rho, kendall_tau)
    )
    return [
        PublishedOrder(
            target=target,
            gpu=gpu,
            networks=len(compared),
            spearman=spearman,
            kendall=kendall,
            inversions=tuple(inversion for inversion in inversions if inversion is not None),
        )
    ]


def _latency_ms(record: Record) -> float:
    assert record.measurement is not None
    return record.measurement.latency_ms


def _inversion(compared: Sequence[_Compared], i: int, j: int, resampled_ms: Values) -> Inversion | None:
    fast, slow = (i, j) if compared[i].published_ms < compared[j].published_ms else (j, i)
    first, second = compared[fast], compared[slow]
    measured_ratio = _latency_ms(second.record) / _latency_ms(first.record)
    if measured_ratio >= 1 or first.published_ms == second.published_ms:
        return None
    return Inversion(
        faster_published=first.name,
        slower_published=second.name,
        published_ratio=second.published_ms / first.published_ms,
        measured_ratio=measured_ratio,
        share=float(np.mean(resampled_ms[fast] > resampled_ms[slow])),
        same_gpu=bool(first.gpu) and first.gpu == second.gpu,
    )


def _interval(correlation: Any, published_ms: Values, measured_ms: Values, resampled_ms: Values) -> Interval:
    """The correlation, with the 95% interval over resamples of the networks and of their latencies.

    Networks are drawn with replacement too: those of a table are some of those that were published. The interval of a
    few networks is all that can be.
    """
    estimate = correlation(published_ms, measured_ms)
    if len(published_ms) < FEWEST_FOR_INTERVAL:
        return Interval(estimate, -1.0, 1.0)
    rng = np.random.default_rng(0)
    drawn = []
    for latencies_ms in resampled_ms.T:
        chosen = rng.integers(len(published_ms), size=len(published_ms))
        if len(set(chosen.tolist())) >= FEWEST_NETWORKS:
            drawn.append(correlation(published_ms[chosen], latencies_ms[chosen]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(estimate, float(low), float(high))


def spearman_rho(first: Values, second: Values) -> float:
    """Spearman's rank correlation, ties sharing their mean rank.

    >>> spearman_rho(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.5
    """
    ranks = [_ranks(values) - (len(values) - 1) / 2 for values in (first, second)]
    return float(ranks[0] @ ranks[1] / np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))


def kendall_tau(first: Values, second: Values) -> float:
    """Kendall's tau-b: pairs in the same order less those in the other, over the geometric mean of pairs not tied.

    >>> round(kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])), 3)
    0.333
    """
    i, j = np.triu_indices(len(first), 1)
    a, b = np.sign(first[i] - first[j]), np.sign(second[i] - second[j])
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def _ranks(values: Values) -> Values:
    """From 0; equal values share their mean rank."""
    below = (values[None, :] < values[:, None]).sum(1)
    equal = (values[None, :] == values[:, None]).sum(1)
    ranks: Values = below + (equal - 1) / 2
    return ranks


def _correlation_text(interval: Interval) -> str:
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"
