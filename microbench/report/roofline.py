"""The roofline (Williams 2009, doi 10.1145/1498765.1498785): what share of the reachable efficiency a row attains."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from microbench.report.dataframe import measured
from microbench.report.labels import TARGET_COLUMNS

_BYTES_PER_VALUE = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "int8": 1}
_FLOAT32_BYTES = 4


def attained_share(data: pd.DataFrame, ceilings: pd.DataFrame) -> pd.Series:
    """Each row's efficiency as a share of its roofline; NaN where its configuration has no measured ceilings.

    The roof is the lower of the matrix product's efficiency and bandwidth x intensity (MACs for each byte moved). The
    bandwidth is the cached copy's, the higher one: rows are timed hot, so a map that fits a cache is read from there.
    A share may still exceed 1, where a convolution needs fewer multiplications than MACs (Winograd).

    Args:
        data: rows with `macs`, `moved_bytes` (in float32) and `efficiency_mmacs_per_ms`.
        ceilings: rows of the "ceilings" experiment.
    """
    roofs = roofs_of(ceilings)

    def share(row: pd.Series) -> float:
        roof = roofs.get(tuple(row[TARGET_COLUMNS]))
        if roof is None or not row["macs"] or pd.isna(row["efficiency_mmacs_per_ms"]):
            return float("nan")
        return float(row["efficiency_mmacs_per_ms"] / roof.at(intensity_mmacs_per_byte(row)))

    return data.apply(share, axis=1, result_type="reduce").astype(float)


def share_text(share: float) -> str:
    """A share of the roofline for a table; what exceeds its roof is marked.

    >>> share_text(0.87), share_text(1.021), share_text(float("nan"))
    ('87%', '102% (above)', '')
    """
    if math.isnan(share):
        return ""
    return f"{share:.0%} (above)" if share > 1 else f"{share:.0%}"


@dataclass(frozen=True)
class Roof:
    """The highest rates that were measured on one device and runtime."""

    product_mmacs_per_ms: float
    """Of a matrix product."""
    bytes_per_ms: float
    """Of a cached copy."""

    def at(self, intensity_mmacs_per_byte: float) -> float:
        """The efficiency in MMACs/ms that is reachable with so many MMACs for each byte moved."""
        return min(self.product_mmacs_per_ms, self.bytes_per_ms * intensity_mmacs_per_byte)


def roofs_of(ceilings: pd.DataFrame) -> dict[tuple[object, ...], Roof]:
    """The roof of each configuration in which both ceilings were measured."""
    roofs = {target: _roof(group) for target, group in measured_by_target(ceilings)}
    return {target: roof for target, roof in roofs.items() if roof is not None}


def intensity_mmacs_per_byte(row: pd.Series) -> float:
    """MMACs for each byte that the row moves in its precision."""
    scale = _BYTES_PER_VALUE[row["precision"]] / _FLOAT32_BYTES
    return float(row["macs"] / 1e6 / (row["moved_bytes"] * scale))


def measured_by_target(data: pd.DataFrame) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    """The measured rows, by their configuration."""
    if data.empty:
        return []
    return [(tuple(target), group) for target, group in measured(data).groupby(TARGET_COLUMNS, sort=False)]


def _roof(ceilings: pd.DataFrame) -> Roof | None:
    rows = {str(row["ceiling"]): row for row in ceilings.to_dict("records")}
    if "matrix_product" not in rows or "cached_copy" not in rows:
        return None
    copy = rows["cached_copy"]
    scale = _BYTES_PER_VALUE[copy["precision"]] / _FLOAT32_BYTES
    return Roof(rows["matrix_product"]["efficiency_mmacs_per_ms"], copy["moved_bytes"] * scale / copy["latency_ms"])
