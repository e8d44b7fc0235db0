"""The latency that follows from a row's kernels, and what limits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from microbench.measure.record import Configuration, Record
from microbench.report.explanation.costs import KernelCosts, kernel_costs
from microbench.report.explanation.kernels import computed_macs, form_of, is_convolution, kernels_of, map_bytes

Limit = Literal["arithmetic", "L2", "L3", "memory", "ends"]

_COPIES: Mapping[Limit, str] = {"L2": "cached_copy", "L3": "shared_copy", "memory": "stream_copy"}
"""The ceiling from which each level's bandwidth is known."""
_MACS_PER_MMAC = 1e6


@dataclass(frozen=True)
class Explanation:
    """What a row's kernels say of its latency."""

    predicted_ms: float | None
    """None where a kernel's kind is in no ceiling."""
    limit: Limit | None
    """What most of the time goes to: the arithmetic, the level of memory that the maps of its kernels lie in, or the
    ends (conversions of layout, and starting the run and its kernels). None where ceilings are missing."""


@dataclass(frozen=True)
class Ceilings:
    """What was measured at best in one configuration."""

    costs: KernelCosts
    mmacs_per_ms: float
    """The best of a matrix product and the convolutions."""
    bytes_per_ms: Mapping[Limit, float]
    """By level of memory."""


def ceilings_of(records: Sequence[Record]) -> dict[Configuration, Ceilings]:
    """The ceilings of each configuration on a CPU that has those of kernels.

    Args:
        records: of the "ceilings" experiment.
    """
    found = {}
    for configuration, costs in kernel_costs(records).items():
        own = {
            str(r.axes["ceiling"]): r for r in records if r.configuration == configuration and r.measurement and r.cost
        }
        rates = [_rate(record) for record in own.values()]
        copies = {level: own[name] for level, name in _COPIES.items() if name in own}
        found[configuration] = Ceilings(
            costs, max(rates), {level: _bandwidth(record) for level, record in copies.items()}
        )
    return found


def explain(record: Record, ceilings: Ceilings) -> Explanation | None:
    """Add up the costs of the record's kernels; None where it has none.

    Args:
        record: a row on a CPU.
        ceilings: of its configuration.
    """
    kernels = kernels_of(record)
    if not kernels:
        return None
    costs = [(kernel, ceilings.costs.of(kernel, record)) for kernel in kernels]
    known = [(kernel, kernel.count * cost) for kernel, cost in costs if cost is not None]
    predicted = ceilings.costs.run_ms + sum(cost for _, cost in known) if len(known) == len(kernels) else None
    return Explanation(predicted, _limit(record, ceilings, dict(known)) if predicted is not None else None)


def level_of(working_set_bytes: int, cache_bytes: Mapping[str, int]) -> Limit:
    """The level of memory that holds so many bytes.

    >>> level_of(3 * 2**20, {"L2": 2**20, "L3": 2**25})
    'L3'
    """
    levels: tuple[Limit, ...] = ("L2", "L3")
    return next((level for level in levels if working_set_bytes <= cache_bytes.get(level, 0)), "memory")


def _limit(record: Record, ceilings: Ceilings, costs_ms: Mapping[object, float]) -> Limit | None:
    kernels = kernels_of(record)
    times: dict[Limit, float] = {"arithmetic": 0.0, "ends": ceilings.costs.run_ms}
    for kernel in kernels:
        if form_of(kernel) == "conversion":
            times["ends"] += costs_ms[kernel]
            continue
        level = level_of(map_bytes(kernel), record.environment.cache_bytes)
        if level not in ceilings.bytes_per_ms:
            return None
        moving = kernel.count * map_bytes(kernel) / ceilings.bytes_per_ms[level]
        times[level] = times.get(level, 0.0) + moving
        if is_convolution(kernel):
            times["arithmetic"] += kernel.count * computed_macs(kernel) / _MACS_PER_MMAC / ceilings.mmacs_per_ms
    return max(times, key=lambda limit: times[limit])


def _rate(record: Record) -> float:
    assert record.measurement
    assert record.cost
    computed = sum(k.count * computed_macs(k) for k in kernels_of(record) if is_convolution(k))
    return max(computed, record.cost.macs) / _MACS_PER_MMAC / record.measurement.latency_ms


def _bandwidth(record: Record) -> float:
    assert record.measurement
    assert record.cost
    return record.cost.moved_bytes / record.measurement.latency_ms
