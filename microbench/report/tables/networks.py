"""Columns that all tables of whole networks have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from microbench.measure.record import Record
from microbench.measure.wording import interval_text, remarks, significant, spread_text
from microbench.report.accuracy import Accuracy, miou_heading
from microbench.report.labels import configuration_label

RUN_IN = "run in"


def target_of(record: Record) -> str:
    """The record's configuration as a table names it."""
    return configuration_label(record.configuration)


def network_table(lines: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """The table of these lines; if all have one configuration, it goes into the latency's heading."""
    table = pd.DataFrame(lines)
    if len(table) and len(table[RUN_IN].unique()) == 1:
        target = table[RUN_IN].iloc[0]
        table = table.drop(columns=RUN_IN).rename(columns={"latency ms": f"latency ms, {target}"})
    return table


def miou_cell(accuracies: Mapping[str, Accuracy], name: str | None) -> dict[str, str]:
    """The measured mIoU's column: empty where the network is not trained, never filled by the paper's number.

    Args:
        accuracies: of the table's networks.
        name: the row's network in them; None if it is not one that is trained.
    """
    found = accuracies.get(name) if name is not None else None
    return {miou_heading(accuracies): found.text if found else ""}


def measured_cells(record: Record) -> dict[str, str]:
    """A network's measured columns but for the mIoU."""
    cost, measurement = record.cost, record.measurement
    efficiency = record.efficiency_mmacs_per_ms
    return {
        "latency ms": interval_text(measurement),
        "GMACs": significant(cost.macs / 1e9) if cost else "",
        "GMACs/ms": significant(efficiency / 1e3) if efficiency else "",
    }


def remarks_cell(record: Record) -> dict[str, str]:
    """What a reader must know of the row, as its last column; first where its spread comes from, if it has builds."""
    return {"remarks": "; ".join(text for text in (spread_text(record.measurement), remarks(record)) if text)}
