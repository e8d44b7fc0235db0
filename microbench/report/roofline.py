"""The roofline (Williams 2009, doi 10.1145/1498765.1498785): what share of the reachable efficiency a row attains."""

from __future__ import annotations

import pandas as pd

from microbench.report.frame import TARGET_COLUMNS, measured

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
    peaks = {target: _peaks(group) for target, group in measured_by_target(ceilings)}

    def share(row: pd.Series) -> float:
        peak = peaks.get(tuple(row[TARGET_COLUMNS]))
        if peak is None or not row["macs"] or pd.isna(row["efficiency_mmacs_per_ms"]):
            return float("nan")
        product_mmacs_per_ms, bytes_per_ms = peak
        scale = _BYTES_PER_VALUE[row["precision"]] / _FLOAT32_BYTES
        intensity = row["macs"] / 1e6 / (row["moved_bytes"] * scale)
        return float(row["efficiency_mmacs_per_ms"] / min(product_mmacs_per_ms, bytes_per_ms * intensity))

    return data.apply(share, axis=1, result_type="reduce").astype(float)


def measured_by_target(data: pd.DataFrame) -> list[tuple[tuple[object, ...], pd.DataFrame]]:
    """The measured rows, by what they were run in."""
    if data.empty:
        return []
    return [(tuple(target), group) for target, group in measured(data).groupby(TARGET_COLUMNS, sort=False)]


def _peaks(ceilings: pd.DataFrame) -> tuple[float, float] | None:
    rows = {str(row["ceiling"]): row for row in ceilings.to_dict("records")}
    if "matrix_product" not in rows or "cached_copy" not in rows:
        return None
    copy = rows["cached_copy"]
    scale = _BYTES_PER_VALUE[copy["precision"]] / _FLOAT32_BYTES
    return rows["matrix_product"]["efficiency_mmacs_per_ms"], copy["moved_bytes"] * scale / copy["latency_ms"]
