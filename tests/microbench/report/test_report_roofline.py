"""The attained share of a roofline, against shares worked out by hand."""

import math
from typing import Any

import pandas as pd
import pytest

from microbench.report.roofline import attained_share

TARGET = {
    "runtime": "onnxruntime", "precision": "fp32", "device": "cpu", "threads": 1, "timing": "end_to_end", "l2": "hot",
    "cache": "hot",
}  # fmt: skip


def row(macs: int | None, moved_bytes: int | None, latency_ms: float, **changes: Any) -> dict[str, Any]:
    efficiency = math.nan if macs is None else macs / 1e6 / latency_ms
    measured = {"macs": macs, "moved_bytes": moved_bytes, "latency_ms": latency_ms}
    return {**TARGET, **measured, "efficiency_mmacs_per_ms": efficiency, **changes}


def ceilings(**changes: Any) -> list[dict[str, Any]]:
    """200 MMACs/ms, and 10 MB/ms from cache (2 MB/ms from memory)."""
    return [
        row(100_000_000, 6_000_000, 0.5, ceiling="matrix_product", **changes),
        row(0, 1_000_000, 0.1, ceiling="cached_copy", **changes),
        row(0, 100_000_000, 50.0, ceiling="stream_copy", **changes),
    ]


def share(of: dict[str, Any], roof: list[dict[str, Any]] | None = None) -> float:
    (found,) = attained_share(pd.DataFrame([of]), pd.DataFrame(ceilings() if roof is None else roof))
    return float(found)


def test_a_row_of_much_arithmetic_is_held_against_the_matrix_product() -> None:
    # 100 MACs for each byte: 10 MB/ms would feed 1000 MMACs/ms, so 200 is the roof; the row reaches 50.
    assert share(row(100_000_000, 1_000_000, 2.0)) == pytest.approx(0.25)


def test_a_row_of_many_bytes_is_held_against_the_bandwidth_of_the_cache() -> None:
    # 2 MACs for each byte: 10 MB/ms feeds 20 MMACs/ms; the row reaches 8.
    assert share(row(8_000_000, 4_000_000, 1.0)) == pytest.approx(0.4)


def test_the_roof_bends_where_both_ceilings_meet() -> None:
    # 20 MACs for each byte.
    assert share(row(20_000_000, 1_000_000, 0.1)) == pytest.approx(1.0)


def test_a_row_of_half_precision_moves_half_the_bytes() -> None:
    # The copy of half the bytes in 0.1 ms is 5 MB/ms; the row's 2 MB at 4 MACs each give 20 MMACs/ms; it reaches 8.
    half = {"precision": "bf16"}
    assert share(row(8_000_000, 4_000_000, 1.0, **half), ceilings(**half)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    "changes", [{"runtime": "openvino"}, {"precision": "bf16"}, {"threads": 2}, {"timing": "isolated"}]
)
def test_ceilings_of_another_configuration_are_none(changes: dict[str, Any]) -> None:
    assert math.isnan(share(row(8_000_000, 4_000_000, 1.0, **changes)))


def test_each_row_is_held_against_its_own_configurations_ceilings() -> None:
    fast = [{**c, "latency_ms": c["latency_ms"] / 2} for c in ceilings(threads=2)]
    for ceiling in fast:
        ceiling["efficiency_mmacs_per_ms"] *= 2
    rows = [row(8_000_000, 4_000_000, 1.0), row(8_000_000, 4_000_000, 1.0, threads=2)]
    found = attained_share(pd.DataFrame(rows), pd.DataFrame([*ceilings(), *fast]))
    assert list(found) == pytest.approx([0.4, 0.2])


def test_without_ceilings_there_is_no_share() -> None:
    assert math.isnan(share(row(8_000_000, 4_000_000, 1.0), roof=[]))


@pytest.mark.parametrize("missing", ["matrix_product", "cached_copy"])
def test_with_half_a_roof_there_is_no_share(missing: str) -> None:
    roof = [ceiling for ceiling in ceilings() if ceiling["ceiling"] != missing]
    assert math.isnan(share(row(8_000_000, 4_000_000, 1.0), roof))


@pytest.mark.parametrize("missing", ["matrix_product", "cached_copy"])
def test_a_ceiling_that_failed_is_no_roof(missing: str) -> None:
    roof = [{**ceiling, "latency_ms": math.nan} if ceiling["ceiling"] == missing else ceiling for ceiling in ceilings()]
    assert math.isnan(share(row(8_000_000, 4_000_000, 1.0), roof))


def test_rows_without_arithmetic_or_without_a_latency_have_no_share() -> None:
    assert math.isnan(share(row(0, 4_000_000, 1.0)))
    assert math.isnan(share(row(8_000_000, 4_000_000, math.nan)))
    assert math.isnan(share(row(None, None, math.nan)))
