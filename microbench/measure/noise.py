"""How quiet the machine was: pressure, steal, preemption, and the verdict on a row.

On a shared virtual machine `steal` can read 0 while the cores are oversubscribed, so Linux's pressure stall information
(PSI) is read beside it. What a system does not offer (macOS has neither) is None, never 0.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

resource: Any = importlib.import_module("resource") if importlib.util.find_spec("resource") else None  # not on Windows

_PRESSURE = Path("/proc/pressure/cpu")
_STAT = Path("/proc/stat")

MAX_PRESSURE_SHARE = 0.10
"""Above this share of the time some task of the machine waited for a core."""
MAX_PRESSURE_SHARE_OF_WORKERS = 0.25
"""The same for a row whose own threads fill the cores, so that whatever else runs for a moment has to wait."""
MAX_STEAL_SHARE = 0.02
"""Above this share of the time the hypervisor ran someone else."""
MAX_PREEMPTIONS_PER_S = 100.0
"""Above this rate, in the row's windows, the scheduler took the core away."""
MAX_WALL_OVER_CPU = 1.03
"""A single-threaded row whose wall clock runs this far ahead of its CPU time was waiting, not computing."""
MIN_CLOCK_SHARE = 0.9
"""Below this share of its highest clock a GPU was not computing as fast as it can, whether or not it says why."""
MAX_SPREAD = 0.05
"""Above this, one load of the same model, or one moment, differs from the next by more than a comparison can bear."""


SPREAD = "spread"
"""The first word of the reason that a row's generations differ."""


def spread_reasons(spread_between_generations: float) -> list[str]:
    """The reason why a row whose generations differ by so much is noisy; empty if it is not."""
    if spread_between_generations <= MAX_SPREAD:
        return []
    return [f"{SPREAD} {spread_between_generations:.0%}"]


def involuntary_switches() -> int:
    """Involuntary context switches of this thread so far; of the process where the system counts no threads; else 0."""
    if resource is None:
        return 0
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return int(resource.getrusage(who).ru_nivcsw)


@dataclass(frozen=True)
class Counters:
    """The machine-wide counters at one moment."""

    at_s: float
    pressure_s: Optional[float]
    steal_s: Optional[float]

    @staticmethod
    def now() -> Counters:
        """Read them."""
        return Counters(time.monotonic(), _pressure_s(), _steal_s())


@dataclass(frozen=True)
class Shares:
    """What part of an interval the machine spent waiting for cores."""

    pressure_share: Optional[float]
    steal_share: Optional[float]

    @staticmethod
    def between(start: Counters, end: Counters) -> Shares:
        """The shares of the time from `start` to `end`."""
        elapsed_s = max(end.at_s - start.at_s, 1e-9)
        cores = os.cpu_count() or 1
        return Shares(
            _share(start.pressure_s, end.pressure_s, elapsed_s), _share(start.steal_s, end.steal_s, elapsed_s * cores)
        )


def _share(start: Optional[float], end: Optional[float], elapsed_s: float) -> Optional[float]:
    return None if start is None or end is None else round(max(end - start, 0.0) / elapsed_s, 4)


def _pressure_s() -> Optional[float]:
    try:
        some = _PRESSURE.read_text().splitlines()[0]
        return int(some.rsplit("total=", 1)[1]) / 1e6
    except (OSError, IndexError, ValueError):
        return None


def _steal_s() -> Optional[float]:
    try:
        cpu = _STAT.read_text().split("\n", 1)[0].split()
        return int(cpu[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


@dataclass(frozen=True)
class Diagnostics:
    """What went on around one row's samples."""

    preemptions_per_s: float
    """How often the scheduler took the core away in a second of the row's windows."""
    wall_over_cpu: float
    """Median wall clock over median CPU time; about 1 for a single-threaded row on a quiet core."""
    spread_between_generations: float
    """Relative standard deviation of the lower quartiles of the row's generations."""
    pressure_share: Optional[float]
    """Share of the row's time during which some task of the machine waited for a core (PSI)."""
    steal_share: Optional[float]
    """Share of the cores' time that the hypervisor gave to others."""
    spread_between_builds: Optional[float] = None
    """Relative standard deviation of the medians of the row's builds, where building is a matter of chance."""
    sm_clock_mhz: Optional[float] = None
    """Median of the GPU's clock over the windows that count, where the device tells."""
    max_sm_clock_mhz: Optional[int] = None
    """The highest clock that the GPU may run at, where the device tells."""
    throttled_windows: Optional[int] = None
    """Windows that were discarded because the GPU held its clock down; None where the device does not tell."""
    throttling: Optional[str] = None
    """Why it did, e.g. "power cap"."""
    peak_resident_bytes: Optional[int] = None
    """The most memory that the measuring process had held by the end of the row, all rows loaded with it included."""
    overwritten_bytes: Optional[int] = None
    """Before each run, where it was to find the processor's caches cold."""

    def reasons(self, *, single_threaded: bool, by_device: bool = False) -> tuple[str, ...]:
        """Which diagnostics are beyond their limits, with their values; empty if none is.

        Args:
            single_threaded: whether the row's runs keep one core busy.
            by_device: whether the row was timed by a device's clock, which the host's pauses do not reach.
        """
        found = [] if by_device else self._host_reasons(single_threaded=single_threaded)
        found += spread_reasons(self.spread_between_generations)
        if self.sm_clock_mhz and self.max_sm_clock_mhz and self.sm_clock_mhz < MIN_CLOCK_SHARE * self.max_sm_clock_mhz:
            found.append(f"SM clock {self.sm_clock_mhz:.0f} of {self.max_sm_clock_mhz} MHz")
        if self.throttled_windows:
            found.append(f"throttled in {self.throttled_windows} windows ({self.throttling})")
        return tuple(found)

    def _host_reasons(self, *, single_threaded: bool) -> list[str]:
        found = []
        max_pressure = MAX_PRESSURE_SHARE if single_threaded else MAX_PRESSURE_SHARE_OF_WORKERS
        if self.pressure_share is not None and self.pressure_share > max_pressure:
            found.append(f"pressure {self.pressure_share:.0%}")
        if self.steal_share is not None and self.steal_share > MAX_STEAL_SHARE:
            found.append(f"steal {self.steal_share:.0%}")
        if self.preemptions_per_s > MAX_PREEMPTIONS_PER_S:
            found.append(f"preempted {self.preemptions_per_s:.0f}/s")
        if single_threaded and self.wall_over_cpu > MAX_WALL_OVER_CPU:
            found.append(f"wall/CPU {self.wall_over_cpu:.2f}")
        return found
