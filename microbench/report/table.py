"""Tables for people: rounded to what the intervals bear, units in the headings, flags in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from microbench.measure.measurement import Measurement
from microbench.measure.record import Record
from microbench.report.frame import TARGET_COLUMNS, frame
from microbench.report.roofline import attained_share

_SHOWN_AXES = ("block", "width", "in_width", "resolution", "stride", "batch", "depth")


def figure_table(records: Sequence[Record], ceilings: Sequence[Record]) -> pd.DataFrame:
    """One line a row: the axes that vary, latency, cost, efficiency, roofline share and remarks."""
    data = frame(records)
    table = pd.DataFrame(index=data.index)
    for axis in _SHOWN_AXES:
        if axis in ("block", "width") or _varies(data[axis]):
            table[axis] = data[axis]
    for column in TARGET_COLUMNS:
        if column == "runtime" or _varies(data[column]):
            table[column] = data[column]
    table["latency ms"] = [interval_text(record.measurement) for record in records]
    table["MMACs"] = (data["macs"] / 1e6).map(significant)
    table["MMACs/ms"] = data["efficiency_mmacs_per_ms"].map(significant)
    table["of roofline"] = attained_share(data, frame(ceilings)).map(lambda s: "" if pd.isna(s) else f"{s:.0%}")
    table["remarks"] = [remarks(record) for record in records]
    return table


def ceiling_table(records: Sequence[Record]) -> pd.DataFrame:
    """One line a ceiling: its rate in GMACs/s or GB/s."""
    data = frame(records)
    table = data[["ceiling", *TARGET_COLUMNS]].copy()
    table["latency ms"] = [interval_text(record.measurement) for record in records]
    table["GMACs/s"] = data["efficiency_mmacs_per_ms"].map(lambda rate: significant(rate) if rate else "")
    table["GB/s"] = (data["moved_bytes"] / data["latency_ms"] / 1e6).map(significant)
    table["remarks"] = [remarks(record) for record in records]
    return table


def _varies(column: pd.Series) -> bool:
    return len(column.unique()) > 1


def remarks(record: Record) -> str:
    """What a reader must know before trusting the row; empty if nothing."""
    measurement = record.measurement
    if measurement is None:
        return record.error or "not measured"
    found = [] if measurement.converged else ["not converged"]
    if measurement.noisy:
        found.append("noisy: " + "; ".join(measurement.noise_reasons))
    return ", ".join(found)


def interval_text(measurement: Measurement | None) -> str:
    """Latency in milliseconds and half the width of its 95% interval, e.g. "2.034 ±0.6%"."""
    if measurement is None:
        return ""
    half = (measurement.latency_ci_high_ms - measurement.latency_ci_low_ms) / 2 / measurement.latency_ms
    return f"{significant(measurement.latency_ms)} ±{half:.1%}"


def significant(value: float) -> str:
    """Four significant digits, without an exponent; nothing for a NaN."""
    if math.isnan(value):
        return ""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def write_table(table: pd.DataFrame, records: Sequence[Record], stem: Path) -> tuple[Path, Path]:
    """Write `stem`.md for people and `stem`.csv with every value of the records in full.

    Returns:
        The two paths.
    """
    markdown, values = stem.with_suffix(".md"), stem.with_suffix(".csv")
    lines = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    markdown.write_text("".join("| " + " | ".join(cells) + " |\n" for cells in lines))
    frame(records).to_csv(values, index=False)
    return markdown, values
