"""What the sampler found of one row: every sample, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

import numpy as np

from microbench.measure.components import SpreadComponents, interval_over_builds, spread_components
from microbench.measure.interval import Interval
from microbench.measure.noise import Diagnostics
from microbench.measure.session import Reading
from microbench.measure.statistics import Samples, median_interval, p99
from microbench.measure.undisturbed import undisturbed, undisturbed_interval


@dataclass(frozen=True)
class Generation:
    """The readings of one row that were taken close together, with one load of its model."""

    index: int
    """The same index in two rows of a run: they were sampled interleaved."""
    load: int
    """Counts the loads of the row's model; equal where a costly load was kept for several generations."""
    readings: tuple[Reading, ...]
    build: Optional[int] = None
    """Which build of the model the load was of, where one build differs from the next by chance (TensorRT picks among
    kernels by timing them); None where building is no matter of chance."""

    def latencies_ms(self) -> Samples:
        """Latency of one run in each window: by the device's clock where that is what is timed, else the wall clock."""
        return np.array([reading.timed_ns / reading.runs / 1e6 for reading in self.readings], dtype=np.float64)


def independent_samples(generations: Sequence[Generation]) -> list[Samples]:
    """Latencies in milliseconds by what was drawn independently: the units over which the interval is a bootstrap.

    That is the generation, each with a load and a moment of its own, but where several generations ran the same build.
    What that build drew, say a slow kernel, is in all of them: ten generations of two builds know no more of the next
    build than two do. The builds are then the units, each with all its generations. If builds do not differ, the
    interval is wider than it had to be, as three units have Student's t of 4.3 and ten have 2.3; the other mistake
    would be an interval that the next build falls out of.

    See also `undisturbed_latency`.
    """
    if any(generation.build is None for generation in generations):
        return [generation.latencies_ms() for generation in generations]
    by_build: dict[Optional[int], list[Samples]] = {}
    for generation in generations:
        by_build.setdefault(generation.build, []).append(generation.latencies_ms())
    return [np.concatenate(samples) for samples in by_build.values()]


def undisturbed_latency(generations: Sequence[Generation]) -> Interval:
    """The undisturbed latency in milliseconds with its 95% interval, over builds or loads as `typical_latency`.

    Of several builds it is the geometric mean of each one's own.
    """
    by_build: dict[Optional[int], list[Samples]] = {}
    for generation in generations:
        by_build.setdefault(generation.build, []).append(generation.latencies_ms())
    if len(by_build) > 1 and generations[0].build is not None:
        return interval_over_builds([np.array([undisturbed(loads)]) for loads in by_build.values()])
    return undisturbed_interval([generation.latencies_ms() for generation in generations])


def typical_latency(generations: Sequence[Generation]) -> Interval:
    """The median latency in milliseconds with its 95% interval: over builds if these differ by chance, else over loads.

    Of a single build nothing is known of the next: its interval is over its loads, and is that build's alone.
    """
    samples = independent_samples(generations)
    if len(samples) > 1 and generations[0].build is not None:
        return interval_over_builds(samples)
    return median_interval([generation.latencies_ms() for generation in generations])


def components_of(generations: Sequence[Generation]) -> SpreadComponents:
    """How much of the latency's spread is from builds, loads and windows."""
    by_load: dict[tuple[Optional[int], int], list[Samples]] = {}
    for generation in generations:
        by_load.setdefault((generation.build, generation.load), []).append(generation.latencies_ms())
    by_build: dict[Optional[int], list[Samples]] = {}
    for (build, _), samples in by_load.items():
        by_build.setdefault(build, []).append(np.concatenate(samples))
    return spread_components(list(by_build.values()))


@dataclass(frozen=True)
class Measurement:
    """The latency of one row, its 95% confidence interval, and all that it rests on."""

    undisturbed: Interval
    """Milliseconds of one run when the device is left alone; see `microbench.measure.undisturbed`."""
    typical: Interval
    """Milliseconds: the median over all samples, whatever disturbed them, or the geometric mean of the builds'."""
    cpu_ms: float
    """Median CPU time of one run, host side."""
    latency_p99_ms: Optional[float]
    """Only where each sample is a single run and there are at least 662 of them."""
    samples: int
    loads: int
    converged: bool
    """Whether the undisturbed latency's interval came within the policy's target before the time budget ended."""
    ci_target: float
    """The relative half width that was asked for."""
    clock: str
    """"wall" or "device"."""
    diagnostics: Diagnostics
    noise_reasons: tuple[str, ...]
    generations: tuple[Generation, ...]
    builds: Optional[tuple[Mapping[str, Any], ...]] = None
    """What the runtime made of the model in each build, as JSON values; None where it does not tell."""

    @property
    def latency_ms(self) -> float:
        """The undisturbed latency: what tables, efficiency, comparisons and verdicts use."""
        return self.undisturbed.estimate

    @property
    def latency_ci_low_ms(self) -> float:
        """The lower bound of its 95% interval."""
        return self.undisturbed.low

    @property
    def latency_ci_high_ms(self) -> float:
        """The upper bound of its 95% interval."""
        return self.undisturbed.high

    @property
    def disturbance(self) -> float:
        """By which share the typical latency is above the undisturbed one."""
        return self.typical.estimate / self.undisturbed.estimate - 1

    @property
    def noisy(self) -> bool:
        """Whether anything in the diagnostics is beyond its limit."""
        return bool(self.noise_reasons)


def summarize(
    generations: tuple[Generation, ...],
    diagnostics: Diagnostics,
    *,
    ci_target: float,
    single_threaded: bool,
    builds: Optional[tuple[Mapping[str, Any], ...]] = None,
) -> Measurement:
    """Make a row's measurement of its generations, and of what the runtime says of its builds."""
    latencies = independent_samples(generations)
    readings = [reading for generation in generations for reading in generation.readings]
    left_alone = undisturbed_latency(generations)
    by_device = readings[0].device_ns is not None
    return Measurement(
        undisturbed=left_alone,
        typical=typical_latency(generations),
        cpu_ms=float(np.median([r.cpu_ns / r.runs / 1e6 for r in readings])),
        latency_p99_ms=p99(np.concatenate(latencies)) if all(r.runs == 1 for r in readings) else None,
        samples=len(readings),
        loads=len({generation.load for generation in generations}),
        converged=is_precise(left_alone, ci_target),
        ci_target=ci_target,
        clock="device" if by_device else "wall",
        diagnostics=diagnostics,
        noise_reasons=diagnostics.reasons(single_threaded=single_threaded, by_device=by_device),
        generations=generations,
        builds=builds,
    )


def is_precise(interval: Interval, ci_target: float) -> bool:
    """Whether the interval's half width is within the target, as a share of the estimate."""
    return interval.half_width_share <= ci_target
