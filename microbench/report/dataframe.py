"""Records as a pandas DataFrame: one line for each row, one column for each value."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from microbench.measure.record import Record

_NUMBERS = (
    "latency_ms", "latency_ci_low_ms", "latency_ci_high_ms", "latency_p99_ms", "cpu_ms", "macs", "parameters",
    "moved_bytes", "efficiency_mmacs_per_ms", "efficiency_ci_low_mmacs_per_ms", "efficiency_ci_high_mmacs_per_ms",
)  # fmt: skip


def to_dataframe(records: Sequence[Record]) -> pd.DataFrame:
    """The records in their order; columns as in `Record.as_row`."""
    data = pd.DataFrame([record.as_row() for record in records])
    for column in _NUMBERS:  # None of a failed row becomes NaN, also where all rows failed
        if column in data:
            data[column] = pd.to_numeric(data[column])
    return data


def measured(data: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a latency."""
    return data[data["latency_ms"].notna()]
