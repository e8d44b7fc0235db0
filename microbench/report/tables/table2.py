"""Table 2: measured columns, and the paper's own beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from microbench.measure.record import Record
from microbench.measure.wording import significant
from microbench.report.accuracy import Accuracy
from microbench.report.published import PAPER_RESOLUTION, published
from microbench.report.tables.networks import (
    RUN_IN,
    measured_cells,
    miou_cell,
    network_table,
    remarks_cell,
    target_of,
)

PAPER_WIDTHS_MODE = "paper's widths"
EQUAL_LATENCY_MODE = "equal latency"

_CLOSE = 0.03
"""Counts this close to the published FLOPs, relative to them, need no explanation."""

_ROUNDING_GFLOPS = 0.05
"""The paper prints one decimal."""

_COUNTED_AS_PAPER = "GMACs with BN"

_WIDTH_NOTE = (
    "c of the paper's widths is inferred from the printed FLOPs, as the paper does not print it. They agree "
    f"with \"{_COUNTED_AS_PAPER}\": the convolutions' MACs and fvcore's two operations for each value that a BN "
    "yields before it is folded"
)


@dataclass(frozen=True)
class ModeRow:
    """One row of the table."""

    mode: str
    """`PAPER_WIDTHS_MODE` or `EQUAL_LATENCY_MODE`."""
    block: str
    record: Record
    norm_operations: int | None = None
    """What counting BN would add to the MACs; asked for where the paper's count is beside ours."""
    unaligned: Record | None = None
    """Of an equal-latency row: the widest one within the target whose channels are not aligned, if one was timed."""


def table2(rows: Sequence[ModeRow], accuracies: Mapping[str, Accuracy]) -> tuple[pd.DataFrame, list[str]]:
    """The table, and the notes under it.

    The networks of the paper's widths are those that are trained; `accuracies` has them by their block.
    The paper's columns are filled for the paper's widths and image size alone, which its networks have.
    """
    paper = {str(row["block"]): row for row in published("table2").to_dict("records")}
    lines = []
    notes = []
    has_alignment = any("aligned_to" in row.record.axes for row in rows)
    for row in rows:
        with_norms = _gmacs_with_norms(row)
        is_paper = row.mode == PAPER_WIDTHS_MODE and row.record.axes["resolution"] == PAPER_RESOLUTION
        theirs = paper.get(row.block) if is_paper else None
        lines.append(
            {
                "mode": row.mode,
                "block": row.block,
                "c": str(row.record.axes["c"]),
                RUN_IN: target_of(row.record),
                **miou_cell(accuracies, row.block if row.mode == PAPER_WIDTHS_MODE else None),
                **measured_cells(row.record),
                **(_alignment_cells(row) if has_alignment else {}),
                _COUNTED_AS_PAPER: significant(with_norms) if with_norms else "",
                "paper's mIoU %": significant(theirs["miou_percent"]) if theirs else "",
                "paper's ms": significant(theirs["latency_ms"]) if theirs else "",
                "paper's GFLOPs (MACs)": significant(theirs["gflops"]) if theirs else "",
                "paper's GFLOPs/ms": significant(theirs["gflops_per_ms"]) if theirs else "",
                **remarks_cell(row.record),
            }
        )
        if theirs and with_norms:
            notes += _deviation_note(row, with_norms, theirs["gflops"])
    if any(row.norm_operations is not None for row in rows):
        notes.insert(0, _WIDTH_NOTE)
    return network_table(lines), list(dict.fromkeys(notes))


def _alignment_cells(row: ModeRow) -> dict[str, str]:
    """What the row's channels are multiples of and, for a width that was searched, what alignment was worth."""
    aligned_to = row.record.axes.get("aligned_to")
    compared = row.unaligned
    worth = ""
    if compared is not None and compared.cost and row.record.cost:
        worth = f"{row.record.cost.macs / compared.cost.macs:.2f}"
    return {
        "channels in multiples of": "" if aligned_to is None else str(aligned_to),
        "best unaligned c timed within the target": "" if compared is None else str(compared.axes["c"]),
        "GMACs over those of that c": worth,
    }


def _gmacs_with_norms(row: ModeRow) -> float | None:
    if row.record.cost is None or row.norm_operations is None:
        return None
    return (row.record.cost.macs + row.norm_operations) / 1e9


def _deviation_note(row: ModeRow, gmacs: float, published_gflops: float) -> list[str]:
    if abs(gmacs / published_gflops - 1) <= _CLOSE:
        return []
    rounding = abs(gmacs - published_gflops) <= _ROUNDING_GFLOPS
    reason = "which one decimal rounds to what is printed" if rounding else "and no integer c comes closer"
    return [
        f"{row.block}: {gmacs:.3f} GMACs with BN at c={row.record.axes['c']} against {published_gflops:g}, {reason}"
    ]
