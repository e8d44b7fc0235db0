"""Table 4 for people, and how far its order and its growth agree with the published latencies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lpsnet.family import STEPS
from microbench.measure.record import Record
from microbench.measure.wording import interval_text, significant
from microbench.report.network_table import RUN_IN, measured_cells, network_table, remarks_cell, target_of
from microbench.report.published import PAPER_RESOLUTION, published


@dataclass(frozen=True)
class Agreement:
    """How the steps' latencies on this device go with the published ones."""

    target: str
    steps: int
    spearman: float
    """Rank correlation: 1 if both columns put the steps in the same order."""
    exponent: float
    """Slope of log(measured) on log(published): 1 if one device is a constant factor slower than the other."""
    residual: float
    """Root mean square of that line's relative misfit: 0.1 is 10%."""

    @property
    def sentence(self) -> str:
        """In words."""
        return (
            f"{self.target}: over {self.steps} steps, Spearman {self.spearman:.3f} with the published latencies; "
            f"latency grows as theirs to the power {self.exponent:.2f}, within {self.residual:.0%}."
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def agreements(records: Sequence[Record]) -> list[Agreement]:
    """One for each configuration with at least three measured steps."""
    paper = published("table4").set_index("step")["latency_ms"]
    latencies = step_latencies_ms(records)
    return [_agreement(target, pd.Series(by_step), paper) for target, by_step in latencies.items() if len(by_step) > 2]


def step_latencies_ms(records: Sequence[Record]) -> dict[str, dict[int, float]]:
    """Latency to the score maps by step, for each of what the steps were run in."""
    latencies: dict[str, dict[int, float]] = {}
    for record in records:
        if record.measurement is not None and record.axes["protocol"] == "scores":
            by_step = latencies.setdefault(target_of(record), {})
            by_step[int(record.axes["step"])] = record.measurement.latency_ms
    return latencies


def _agreement(target: str, ours: pd.Series, theirs: pd.Series) -> Agreement:
    theirs = theirs.loc[ours.index]
    x, y = np.log(theirs.to_numpy(float)), np.log(ours.to_numpy(float))
    exponent, intercept = np.polyfit(x, y, 1)
    misfit = y - exponent * x - intercept
    return Agreement(
        target=target,
        steps=len(ours),
        spearman=float(ours.rank().corr(theirs.rank())),
        exponent=float(exponent),
        residual=math.sqrt(float(np.mean(misfit**2))),
    )


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
