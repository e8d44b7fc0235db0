"""Table 2 for people: measured columns, and the paper's own beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from microbench.measure.record import Record
from microbench.report.network_table import measured_cells, remarks_cell, target_of
from microbench.report.published import published
from microbench.report.table import significant

_CLOSE = 0.03
"""MACs this close to the published FLOPs, relative to them, need no explanation."""

_ROUNDING_GFLOPS = 0.05
"""The paper prints one decimal."""

_DEVIATIONS = {
    "inverted_residual": "no integer c gives the published FLOPs at expansion 6: c=3 falls short, c=4 goes beyond",
    "ghost": "the published FLOPs settle neither the primary convolution's kernel nor c; with 1x1, c=20 comes closest",
    "residual": "two convolutions a block; c=9 comes closest, and c=13 would if a block counted as one convolution",
}
"""Why a block's MACs at the inferred width are not the published FLOPs."""


@dataclass(frozen=True)
class ModeRow:
    """One row of the table."""

    mode: str
    """"paper's widths" or "equal latency"."""
    block: str
    record: Record


def table2(rows: Sequence[ModeRow]) -> tuple[pd.DataFrame, list[str]]:
    """The table, and the notes under it.

    The paper's columns stand with the paper's widths alone: its networks have these, and no other.
    """
    paper = {str(row["block"]): row for row in published("table2").to_dict("records")}
    lines = []
    notes = ["c of the paper's widths is inferred from the printed FLOPs; the paper does not print it"]
    for row in rows:
        is_paper = row.mode == "paper's widths"
        theirs = paper.get(row.block) if is_paper else None
        lines.append(
            {
                "mode": row.mode,
                "block": row.block,
                "c": str(row.record.axes["c"]),
                "run in": target_of(row.record),
                **measured_cells(row.record),
                "paper's mIoU %": significant(theirs["miou_percent"]) if theirs else "",
                "paper's ms": significant(theirs["latency_ms"]) if theirs else "",
                'paper\'s FLOPs (MACs) "G"': significant(theirs["gflops"]) if theirs else "",
                'paper\'s "G/ms"': significant(theirs["gflops_per_ms"]) if theirs else "",
                **remarks_cell(row.record),
            }
        )
        if theirs and row.record.cost:
            notes += _deviation_note(row, theirs["gflops"])
    return pd.DataFrame(lines).sort_values("mode", kind="stable", ascending=False), list(dict.fromkeys(notes))


def _deviation_note(row: ModeRow, published_gflops: float) -> list[str]:
    assert row.record.cost is not None
    gmacs = row.record.cost.macs / 1e9
    if abs(gmacs / published_gflops - 1) <= _CLOSE:
        return []
    within = " (within the rounding of the printed figure)" if abs(gmacs - published_gflops) <= _ROUNDING_GFLOPS else ""
    reason = _DEVIATIONS.get(row.block, "the paper does not print c, and no integer comes closer")
    return [
        f"{row.block}: {gmacs:.3g} GMACs at c={row.record.axes['c']} against {published_gflops:g}{within}: {reason}"
    ]
