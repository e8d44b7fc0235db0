"""Records as a pandas frame: one line a row, one column a value."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from microbench.measure.record import Configuration, Record
from microbench.measure.timing import COLD

TARGET_COLUMNS = ["runtime", "precision", "device", "threads", "timing", "l2"]
"""What a row was run in, and what of it was timed: rows that differ in any of these share no curve."""

_NUMBERS = (
    "latency_ms", "latency_ci_low_ms", "latency_ci_high_ms", "latency_p99_ms", "cpu_ms", "macs", "parameters",
    "moved_bytes", "efficiency_mmacs_per_ms", "efficiency_ci_low_mmacs_per_ms", "efficiency_ci_high_mmacs_per_ms",
)  # fmt: skip


def frame(records: Sequence[Record]) -> pd.DataFrame:
    """The records in their order; columns as in `Record.as_row`."""
    data = pd.DataFrame([record.as_row() for record in records])
    for column in _NUMBERS:  # None of a failed row becomes NaN, also where all rows failed
        if column in data:
            data[column] = pd.to_numeric(data[column])
    return data


def measured(data: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a latency."""
    return data[data["latency_ms"].notna()]


def target_label(values: Sequence[object]) -> str:
    """How a figure names the values of `TARGET_COLUMNS`, e.g. "onnxruntime fp32, 1 thread"."""
    runtime, precision, device, threads, timing, l2 = values
    if device == "cpu":
        return f"{runtime} {precision}, {threads} thread{'s' if threads != 1 else ''}"
    cold = ", cold inputs" if l2 == COLD else ""
    return f"{runtime} {precision}, {device}, {str(timing).replace('_', ' ')}{cold}"


def configuration_label(configuration: Configuration) -> str:
    """The same of a record's configuration."""
    return target_label([getattr(configuration, column) for column in TARGET_COLUMNS])
