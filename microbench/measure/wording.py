"""How a row is put into words: its latency with its interval, and what a reader must know before trusting it."""

from __future__ import annotations

import math
from typing import Optional

from microbench.measure.interval import Interval
from microbench.measure.measurement import Measurement, components_of
from microbench.measure.record import Record

SHOWN_DISTURBANCE = 0.03
"""A typical latency that is above the undisturbed one by more than this share is shown beside it."""


def remarks(record: Record) -> str:
    """What a reader must know before trusting the row; empty if nothing."""
    measurement = record.measurement
    if measurement is None:
        return record.error or "not measured"
    found = [] if measurement.converged else ["not converged"]
    if measurement.disturbance > SHOWN_DISTURBANCE:
        found.append(f"typically {significant(measurement.typical.estimate)} ms ({measurement.disturbance:+.0%})")
    if measurement.noisy:
        found.append("noisy: " + "; ".join(measurement.noise_reasons))
    return ", ".join(found)


def interval_text(measurement: Optional[Measurement]) -> str:
    """Latency in milliseconds and half the width of its 95% interval, e.g. "2.034 ±0.6%"."""
    if measurement is None:
        return ""
    latency = measurement.undisturbed
    return f"{significant(latency.estimate)} ±{latency.half_width_share:.1%}"


def estimate_text(interval: Interval) -> str:
    """An estimate with its 95% interval, which may reach below 0.

    >>> estimate_text(Interval(0.1234, -0.01, 0.256))
    '0.1234 (-0.01 to 0.256)'
    """
    return f"{significant(interval.estimate)} ({significant(interval.low)} to {significant(interval.high)})"


def spread_text(measurement: Optional[Measurement]) -> str:
    """Where the spread of a row with several builds comes from, e.g. "builds 2.1%, loads 0.3%, windows 0.1%"."""
    if measurement is None:
        return ""
    found = components_of(measurement.generations)
    if found.builds is None:
        return ""
    parts = {"builds": found.builds, "loads": found.loads, "windows": found.windows}
    return ", ".join(f"{name} {share:.1%}" for name, share in parts.items() if share is not None)


def significant(value: float) -> str:
    """Four significant digits, without an exponent; nothing for a NaN."""
    if math.isnan(value):
        return ""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
