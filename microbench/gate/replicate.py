"""From the windows of one process, or of one block of processes, to one difference between head and base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microbench.measure.statistics import Samples

BASE, AGAIN, HEAD = "base", "base again", "head"
"""The arms of a triple; the second is the null arm."""

ArmWindows = Mapping[str, Mapping[str, Any]]
"""What `sampling.sample_task` returns: by arm, its windows."""


@dataclass(frozen=True)
class Replicate:
    """One workload in one process, or in one block of four. Differences are of logarithms (0.05 is 5% slower)."""

    delta: float
    """Head over base, by the clock that decides; see `sampling.deciding_clock`."""
    null: float
    """Base over itself: noise alone."""
    wall_delta: float
    """Head over base by the shortest window of the wall clock."""
    wall_null: float
    base_ms: float
    """Of one run of the base, by the clock that decides."""
    windows: int
    """Of each arm."""
    clock: str
    """The one that decides: "cpu_ns", "device_ns" or "wall_ns"."""
    output_difference: float | None
    """Root mean square of the outputs' difference as a share of the base's outputs; None if not finite or not known."""

    @property
    def by_wall_clock(self) -> Replicate:
        """The same workload and process by the wall clock."""
        return replace(self, delta=self.wall_delta, null=self.wall_null, clock="wall_ns")


def replicate_from_triples(arms: ArmWindows) -> Replicate:
    """A process that has both sides: the median over its triples, whose windows lie milliseconds apart."""
    base, again, other = (_log_ns(arms[name], arms[name]["clock"]) for name in (BASE, AGAIN, HEAD))
    wall_base, wall_again, wall_other = (_log_ns(arms[name], "wall_ns").min() for name in (BASE, AGAIN, HEAD))
    return Replicate(
        delta=float(np.median(other - base)),
        null=float(np.median(again - base)),
        wall_delta=float(wall_other - wall_base),
        wall_null=float(wall_again - wall_base),
        base_ms=float(np.exp(np.median(base)) / 1e6),
        windows=len(base),
        clock=arms[BASE]["clock"],
        output_difference=arms[HEAD]["output_difference"],
    )


def replicate_from_block(sides: Sequence[str], processes: Sequence[ArmWindows]) -> Replicate:
    """Four processes one after the other, ABBA or BAAB, each with one side alone: a drift that is linear cancels.

    Args:
        sides: `BASE` or `HEAD` of each, two of each.
        processes: their windows; a process's latency is the median over all its arms, which are loads of one model.
    """
    logs = {side: [_pooled(arms) for own, arms in zip(sides, processes, strict=True) if own == side]
            for side in (BASE, HEAD)}  # fmt: skip
    walls = {side: [min(_log_ns(arm, "wall_ns").min() for arm in arms.values())
                    for own, arms in zip(sides, processes, strict=True) if own == side]
             for side in (BASE, HEAD)}  # fmt: skip
    return Replicate(
        delta=float(np.mean(logs[HEAD]) - np.mean(logs[BASE])),
        null=logs[BASE][1] - logs[BASE][0],
        wall_delta=float(np.mean(walls[HEAD]) - np.mean(walls[BASE])),
        wall_null=float(walls[BASE][1] - walls[BASE][0]),
        base_ms=float(np.exp(np.mean(logs[BASE])) / 1e6),
        windows=min(len(arm["runs"]) for arms in processes for arm in arms.values()),
        clock=next(iter(processes[0].values()))["clock"],
        output_difference=None,
    )


def _pooled(arms: ArmWindows) -> float:
    return float(np.median(np.concatenate([_log_ns(arm, arm["clock"]) for arm in arms.values()])))


def _log_ns(arm: Mapping[str, Any], clock: str) -> Samples:
    """Logarithm of nanoseconds of one run, in each window.

    Injected runs take time and do not count as runs. A device's window may hold more runs than were requested.
    """
    per_run = np.asarray(arm[clock], np.float64) / np.asarray(arm["runs"], np.float64)
    logs: Samples = np.log(np.maximum(per_run, 1e-3) * arm["asked"] / arm["nominal"])
    return logs
