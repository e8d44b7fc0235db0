"""How far the latencies of Table 4's steps agree with the published ones, in order and in growth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from microbench.measure.measurement import Measurement
from microbench.measure.record import Record
from microbench.report.labels import configuration_label
from microbench.report.published import published


@dataclass(frozen=True)
class Agreement:
    """How well the steps' latencies on this device agree with the published ones."""

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
    return [
        _agreement(target, pd.Series({step: m.latency_ms for step, m in by_step.items()}), paper)
        for target, by_step in step_measurements(records).items()
        if len(by_step) > 2
    ]


def step_measurements(records: Sequence[Record]) -> dict[str, dict[int, Measurement]]:
    """Measurements of the networks up to their score maps, by step, for each configuration."""
    found: dict[str, dict[int, Measurement]] = {}
    for record in records:
        if record.measurement is not None and record.axes["protocol"] == "scores":
            by_step = found.setdefault(configuration_label(record.configuration), {})
            by_step[int(record.axes["step"])] = record.measurement
    return found


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
