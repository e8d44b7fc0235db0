"""Table 3: the interactions, with what each adds to the latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from microbench.measure.record import Record
from microbench.measure.wording import significant
from microbench.report.accuracy import Accuracy
from microbench.report.added_latency import AddedLatency
from microbench.report.published import PAPER_RESOLUTION, published
from microbench.report.tables.networks import (
    RUN_IN,
    measured_cells,
    miou_cell,
    network_table,
    remarks_cell,
    target_of,
)


def table3(
    records: Sequence[Record], added: Sequence[AddedLatency], accuracies: Mapping[str, Accuracy]
) -> pd.DataFrame:
    """One line an interaction, with the paper's columns last but for the remarks."""
    paper = {str(row["interaction"]): row for row in published("table3").to_dict("records")}
    by_place = {(row.interaction, row.target): row for row in added}
    lines = []
    for record in records:
        name = str(record.axes["interaction"])
        theirs = paper.get(name) if record.axes["resolution"] == PAPER_RESOLUTION else None
        lines.append(
            {
                "interaction": name,
                RUN_IN: target_of(record),
                **miou_cell(accuracies, name),
                **measured_cells(record),
                "added ms (95% CI)": _added_text(by_place.get((name, target_of(record)))),
                "paper's mIoU %": significant(theirs["miou_percent"]) if theirs else "",
                "paper's ms": significant(theirs["latency_ms"]) if theirs else "",
                "paper's added ms": significant(theirs["added_latency_ms"]) if theirs else "",
                **remarks_cell(record),
            }
        )
    return network_table(lines)


def _added_text(added: AddedLatency | None) -> str:
    if added is None:
        return ""
    doubt = "" if added.is_paired else ", rows of different runs"
    return f"{added.added_ms.estimate:+.2f} ({added.added_ms.low:+.2f} to {added.added_ms.high:+.2f}{doubt})"
