"""Tables of single blocks and of ceilings: rounded, with units in the headings and remarks in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from microbench.measure.record import Configuration, Record
from microbench.measure.wording import estimate_text, interval_text, remarks, significant, spread_text
from microbench.measure.workload import Axis
from microbench.report.dataframe import to_dataframe
from microbench.report.explanation.columns import EXPLANATION_COLUMNS, explain_rows
from microbench.report.labels import TARGET_COLUMNS
from microbench.report.marginal import MarginalCost
from microbench.report.roofline import attained_share, share_text

_GPU_COLUMNS = ("timing", "l2")
_SHOWN_AXES = ("block", "width", "in_width", "resolution", "stride", "batch", "depth")


def block_table(
    records: Sequence[Record], ceilings: Sequence[Record], costs: Sequence[MarginalCost] = ()
) -> pd.DataFrame:
    """One line a row: the axes that vary, latency, cost, efficiency, roofline share, kernels and remarks.

    Args:
        records: of single blocks or chains.
        ceilings: of the "ceilings" experiment in the same configurations.
        costs: of the chains; each becomes a line behind the last record of its chain that is there, whose depth is "one
            more".
    """
    data = to_dataframe(records)
    table = pd.DataFrame(index=data.index)
    for axis in _SHOWN_AXES:
        if axis in ("block", "width") or _varies(data[axis]) or (axis == "depth" and costs):
            table[axis] = data[axis]
    for column in TARGET_COLUMNS:
        if column == "runtime" or _varies(data[column]) or _is_of_a_gpu(data, column):
            table[column] = data[column]
    table["latency ms"] = [interval_text(record.measurement) for record in records]
    table["MMACs"] = (data["macs"] / 1e6).map(significant)
    table["MMACs/ms"] = data["efficiency_mmacs_per_ms"].map(significant)
    table["of roofline"] = attained_share(data, to_dataframe(ceilings)).map(share_text)
    spreads = [spread_text(record.measurement) for record in records]
    if any(spreads):
        table["spread"] = spreads
    explained = [row.columns() for row in explain_rows(records, ceilings)]
    for column in EXPLANATION_COLUMNS:
        if any(columns[column] for columns in explained):
            table[column] = [columns[column] for columns in explained]
    table["remarks"] = [remarks(record) for record in records]
    return _with_marginal_costs(table, records, costs) if costs else table


def _with_marginal_costs(table: pd.DataFrame, records: Sequence[Record], costs: Sequence[MarginalCost]) -> pd.DataFrame:
    """The table with a line for each marginal cost behind the last row of its chain."""
    lines = table.to_dict("records")
    last = {_chain_of(record.axes, record.configuration): place for place, record in enumerate(records)}
    behind = {last[_chain_of(cost.axes, cost.configuration)]: cost for cost in costs}
    extended = []
    for place, line in enumerate(lines):
        extended.append({**line, "ends ms": ""})
        if place in behind:
            extended.append(_marginal_line(line, behind[place]))
    columns = list(table.columns)
    columns.insert(columns.index("latency ms") + 1, "ends ms")
    return pd.DataFrame(extended, columns=columns)


def _chain_of(axes: Mapping[str, Axis], configuration: Configuration) -> tuple[object, ...]:
    return (tuple((axis, value) for axis, value in axes.items() if axis != "depth"), configuration)


def _marginal_line(line: Mapping[Any, Any], cost: MarginalCost) -> dict[Any, Any]:
    efficiency = cost.efficiency_mmacs_per_ms
    return {
        **line,
        "depth": "one more",
        "latency ms": estimate_text(cost.marginal_ms),
        "ends ms": estimate_text(cost.ends_ms),
        "MMACs": significant(cost.macs / 1e6) if cost.macs else "",
        "MMACs/ms": significant(efficiency.estimate) if efficiency else "",
        "of roofline": "",
        **{column: "" for column in ("spread", *EXPLANATION_COLUMNS) if column in line},
        "remarks": f"no line: a chain is {cost.misfit_share:.0%} off it" if cost.bent else "",
    }


def ceiling_table(records: Sequence[Record]) -> pd.DataFrame:
    """One line a ceiling: its rate in GMACs/s or GB/s."""
    data = to_dataframe(records)
    columns = [
        column
        for column in TARGET_COLUMNS
        if column not in (*_GPU_COLUMNS, "cache") or _varies(data[column]) or _is_of_a_gpu(data, column)
    ]
    table = data[["ceiling", *columns]].copy()
    table["latency ms"] = [interval_text(record.measurement) for record in records]
    table["GMACs/s"] = data["efficiency_mmacs_per_ms"].map(lambda rate: significant(rate) if rate else "")
    table["GB/s"] = (data["moved_bytes"] / data["latency_ms"] / 1e6).map(significant)
    table["remarks"] = [remarks(record) for record in records]
    return table


def _is_of_a_gpu(data: pd.DataFrame, column: str) -> bool:
    """Whether the column says how a GPU's rows were timed, which no table may leave out."""
    return column in _GPU_COLUMNS and bool((data["device"] != "cpu").any())


def _varies(column: pd.Series) -> bool:
    return len(column.unique()) > 1
