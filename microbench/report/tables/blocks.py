"""Tables for people: rounded to what the intervals bear, units in the headings, flags in words."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from microbench.measure.record import Record
from microbench.measure.wording import interval_text, remarks, significant
from microbench.report.dataframe import to_dataframe
from microbench.report.labels import TARGET_COLUMNS
from microbench.report.roofline import attained_share

_GPU_COLUMNS = ("timing", "l2")
_SHOWN_AXES = ("block", "width", "in_width", "resolution", "stride", "batch", "depth")


def block_table(records: Sequence[Record], ceilings: Sequence[Record]) -> pd.DataFrame:
    """One line a row: the axes that vary, latency, cost, efficiency, roofline share and remarks."""
    data = to_dataframe(records)
    table = pd.DataFrame(index=data.index)
    for axis in _SHOWN_AXES:
        if axis in ("block", "width") or _varies(data[axis]):
            table[axis] = data[axis]
    for column in TARGET_COLUMNS:
        if column == "runtime" or _varies(data[column]) or _is_of_a_gpu(data, column):
            table[column] = data[column]
    table["latency ms"] = [interval_text(record.measurement) for record in records]
    table["MMACs"] = (data["macs"] / 1e6).map(significant)
    table["MMACs/ms"] = data["efficiency_mmacs_per_ms"].map(significant)
    table["of roofline"] = attained_share(data, to_dataframe(ceilings)).map(lambda s: "" if pd.isna(s) else f"{s:.0%}")
    table["remarks"] = [remarks(record) for record in records]
    return table


def ceiling_table(records: Sequence[Record]) -> pd.DataFrame:
    """One line a ceiling: its rate in GMACs/s or GB/s."""
    data = to_dataframe(records)
    columns = [column for column in TARGET_COLUMNS if column not in _GPU_COLUMNS or _is_of_a_gpu(data, column)]
    table = data[["ceiling", *columns]].copy()
    table["latency ms"] = [interval_text(record.measurement) for record in records]
    table["GMACs/s"] = data["efficiency_mmacs_per_ms"].map(lambda rate: significant(rate) if rate else "")
    table["GB/s"] = (data["moved_bytes"] / data["latency_ms"] / 1e6).map(significant)
    table["remarks"] = [remarks(record) for record in records]
    return table


def _is_of_a_gpu(data: pd.DataFrame, column: str) -> bool:
    """Whether the column says something of a GPU's rows that no table may leave out."""
    return column in _GPU_COLUMNS and bool((data["device"] != "cpu").any())


def _varies(column: pd.Series) -> bool:
    return len(column.unique()) > 1
