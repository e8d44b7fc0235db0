"""Tables for people: rounded to what the intervals bear, units in the headings, flags in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from microbench.report.frame import TARGET_COLUMNS
from microbench.report.roofline import attained_share

_SHOWN_AXES = ("block", "width", "in_width", "resolution", "stride", "batch", "depth")


def figure_table(data: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """One line a row: the axes that vary, latency, cost, efficiency, roofline share and remarks."""
    table = pd.DataFrame(index=data.index)
    for axis in _SHOWN_AXES:
        if axis in ("block", "width") or _varies(data[axis]):
            table[axis] = data[axis]
    for column in TARGET_COLUMNS:
        if column == "runtime" or _varies(data[column]):
            table[column] = data[column]
    table["latency ms"] = _with_interval(data)
    table["MMACs"] = (data["macs"] / 1e6).map(_significant)
    table["MMACs/ms"] = data["efficiency_mmacs_per_ms"].map(_significant)
    table["of roofline"] = attained_share(data, ceilings).map(lambda share: "" if pd.isna(share) else f"{share:.0%}")
    table["remarks"] = data.apply(remarks, axis=1, result_type="reduce")
    return table


def _varies(column: pd.Series) -> bool:
    return len(column.unique()) > 1


def ceiling_table(data: pd.DataFrame) -> pd.DataFrame:
    """One line a ceiling: its rate in GMACs/s or GB/s."""
    table = data[["ceiling", *TARGET_COLUMNS]].copy()
    table["latency ms"] = _with_interval(data)
    table["GMACs/s"] = data["efficiency_mmacs_per_ms"].map(lambda rate: _significant(rate) if rate else "")
    table["GB/s"] = (data["moved_bytes"] / data["latency_ms"] / 1e6).map(_significant)
    table["remarks"] = data.apply(remarks, axis=1, result_type="reduce")
    return table


def remarks(row: pd.Series) -> str:
    """What a reader must know before trusting the row; empty if nothing."""
    error: Any = row["error"]
    if isinstance(error, str):
        return error
    found = [] if row["converged"] else ["not converged"]
    if row["noisy"]:
        found.append("noisy: " + "; ".join(row["noise_reasons"]))
    return ", ".join(found)


def _with_interval(data: pd.DataFrame) -> pd.Series:
    """Latency and the half width of its 95% interval, e.g. "2.034 ±0.6%"."""

    def text(row: pd.Series) -> str:
        if pd.isna(row["latency_ms"]):
            return ""
        half = (row["latency_ci_high_ms"] - row["latency_ci_low_ms"]) / 2 / row["latency_ms"]
        return f"{_significant(row['latency_ms'])} ±{half:.1%}"

    return data.apply(text, axis=1, result_type="reduce")


def _significant(value: float) -> str:
    """Four significant digits, without an exponent; nothing for a NaN."""
    if math.isnan(value):
        return ""
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def write_table(table: pd.DataFrame, rows: Sequence[Mapping[str, Any]], stem: Path) -> tuple[Path, Path]:
    """Write `stem`.md for people and `stem`.csv with every value of the rows (see `Record.as_row`) in full.

    Returns:
        The two paths.
    """
    markdown, values = stem.with_suffix(".md"), stem.with_suffix(".csv")
    lines = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).to_numpy().tolist()]
    markdown.write_text("".join("| " + " | ".join(cells) + " |\n" for cells in lines))
    pd.DataFrame(rows).to_csv(values, index=False)
    return markdown, values
