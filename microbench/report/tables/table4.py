"""Table 4: the steps of the family, with the published columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lpsnet.family import STEPS
from microbench.measure.record import Record
from microbench.measure.wording import interval_text, significant
from microbench.report.published import PAPER_RESOLUTION, published
from microbench.report.tables.networks import RUN_IN, measured_cells, network_table, remarks_cell, target_of


def table4(records: Sequence[Record]) -> pd.DataFrame:
    """One line a step; the full-resolution latency in a column of its own."""
    paper = {int(row["step"]): row for row in published("table4").to_dict("records")}
    to_classes = {
        (record.axes["step"], target_of(record)): record for record in records if record.axes["protocol"] == "classes"
    }
    lines = []
    for record in records:
        if record.axes["protocol"] != "scores":
            continue
        step = int(record.axes["step"])
        theirs, architecture = paper[step], STEPS[step]
        full = to_classes.get((step, target_of(record)))
        name = theirs["name"]
        at_paper_size = record.axes["resolution"] == PAPER_RESOLUTION
        lines.append(
            {
                "step": f"{step}{f' ({name})' if isinstance(name, str) else ''}",
                "B": _set(architecture.depth),
                "C": _set(architecture.width),
                "R": _set(architecture.resolution),
                RUN_IN: target_of(record),
                **measured_cells(record),
                "M parameters": significant(record.cost.parameters / 1e6) if record.cost else "",
                "full-resolution ms": interval_text(full.measurement) if full else "",
                "paper's ms": significant(theirs["latency_ms"]) if at_paper_size else "",
                "paper's mIoU %": significant(theirs["miou_percent"]) if at_paper_size else "",
                **remarks_cell(record),
            }
        )
    return network_table(lines)


def _set(values: Sequence[object]) -> str:
    return ", ".join(str(value) for value in values)
