"""How many times as long one row takes as another, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from microbench.measure.interval import Interval
from microbench.measure.measurement import independent_samples
from microbench.measure.record import Record
from microbench.measure.significance import two_sided_p
from microbench.measure.statistics import Samples, student_t_975, unpaired_ratio_interval
from microbench.measure.undisturbed import ratio_interval
from microbench.report.paired_latencies import paired_latencies, shared_loads

BETWEEN_RUNS = 0.05
"""How far two runs on one machine may differ beyond their intervals, as a share. Of the 26 rows that the quiet Xeon
timed in two runs (results/xeon-2-cores and -again), the largest differed by 2.9%."""


@dataclass(frozen=True)
class LatencyRatio:
    """The latency of one row over that of another, or a multiple of it (such as a ratio of efficiencies)."""

    interval: Interval
    log_error: float
    """Standard error of the ratio's logarithm."""
    degrees_of_freedom: int
    loads: int
    """Of the row whose model was loaded less often, in the generations that both share."""
    is_paired: bool
    """Whether both rows were sampled side by side; if not, `BETWEEN_RUNS` is in the interval."""

    @property
    def p(self) -> float:
        """Two-sided: how probable so large a ratio, or so small a one, is if both are equal."""
        allowance = 0.0 if self.is_paired else math.log1p(BETWEEN_RUNS)
        distance = abs(math.log(self.interval.estimate)) - allowance
        if distance <= 0 or self.degrees_of_freedom < 1:
            return 1.0
        # The interval may reach further to one side; what counts is its reach towards equality.
        ratio = self.interval
        towards_one = ratio.estimate / ratio.low if ratio.estimate > 1 else ratio.high / ratio.estimate
        error = max((math.log(towards_one) - allowance) / student_t_975(self.degrees_of_freedom), self.log_error)
        return two_sided_p(distance / error if error else math.inf, self.degrees_of_freedom)

    def scaled(self, factor: float) -> LatencyRatio:
        """The same ratio times a number that is known exactly, such as a ratio of MACs."""
        return replace(self, interval=self.interval.scaled(factor))


def latency_ratio(first: Record, second: Record) -> LatencyRatio:
    """The latency of the first row over the second's.

    Rows of one run are compared load by load, so that what disturbed both is in neither the ratio nor its interval.
    Rows of different runs are compared by their own intervals, widened by `BETWEEN_RUNS`.

    Raises:
        ValueError: a row that was not measured.
    """
    a, b = first.measurement, second.measurement
    if a is None or b is None:
        raise ValueError(f"Rows {first.name!r} and {second.name!r} must both be measured.")
    if first.run == second.run:
        pairs = paired_latencies(first, second)
        if len(pairs) < 2:
            return unknown_ratio(a.latency_ms / b.latency_ms, shared_loads(first, second))
        return paired_latency_ratio(pairs, shared_loads(first, second))
    units = min(len(independent_samples(m.generations)) for m in (a, b))
    loads = min(a.loads, b.loads)
    if units < 2:
        return unknown_ratio(a.latency_ms / b.latency_ms, loads)
    interval = unpaired_ratio_interval(a.undisturbed, b.undisturbed)
    widened = Interval(interval.estimate, interval.low / (1 + BETWEEN_RUNS), interval.high * (1 + BETWEEN_RUNS))
    return LatencyRatio(widened, log_error(interval, units - 1), units - 1, loads, is_paired=False)


def paired_latency_ratio(pairs: Sequence[tuple[Samples, Samples]], loads: int) -> LatencyRatio:
    """The ratio of two rows that were sampled side by side.

    Args:
        pairs: latencies of both rows in each independent unit, at least two; see `paired_latencies`.
        loads: of the row whose model was loaded less often.
    """
    interval = ratio_interval([first for first, _ in pairs], [second for _, second in pairs])
    degrees = len(pairs) - 1
    return LatencyRatio(interval, log_error(interval, degrees), degrees, loads, is_paired=True)


def log_error(interval: Interval, degrees_of_freedom: int) -> float:
    """The standard error of a ratio's logarithm, from its 95% interval."""
    reach = math.log(interval.high / interval.low) / 2
    return reach / student_t_975(degrees_of_freedom)


def unknown_ratio(ratio: float, loads: int) -> LatencyRatio:
    """An estimate of which no interval is known.

    Args:
        ratio: the estimate.
        loads: of the row whose model was loaded less often.
    """
    return LatencyRatio(Interval(ratio, 0.0, math.inf), math.inf, 0, loads, is_paired=True)
