"""Draw Figure 4, and say how many times more efficient the standard convolution is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from microbench.measure.record import Record
from microbench.measure.statistics import ratio_interval
from microbench.report.frame import TARGET_COLUMNS, configuration_label, measured, target_label
from microbench.report.generations import paired
from microbench.report.published import published
from microbench.report.style import BLUE, GREY, RED, new_figure, save


@dataclass(frozen=True)
class EfficiencyRatio:
    """How many times more MACs a millisecond one block does than another, in one runtime."""

    target: str
    ratio: float
    low: float
    high: float
    interleaved: bool
    """Whether both rows were sampled side by side; if not, drift is in the ratio and not in its interval."""

    @property
    def sentence(self) -> str:
        """The ratio in words."""
        doubt = "" if self.interleaved else " (rows of different runs: drift not accounted for)"
        return (
            f"{self.target}: the standard convolution does {self.ratio:.2f} times the MACs a millisecond of the "
            f"depthwise separable one (95% CI {self.low:.2f} to {self.high:.2f}){doubt}."
        )

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def efficiency_ratios(records: Sequence[Record], numerator: str, denominator: str) -> list[EfficiencyRatio]:
    """The ratio of two blocks' efficiencies for every configuration in which both were measured."""
    rows = {(record.configuration, record.axes["block"]): record for record in records if record.measurement}
    return [
        _efficiency_ratio(rows[configuration, numerator], rows[configuration, denominator])
        for configuration in dict.fromkeys(record.configuration for record in records)
        if (configuration, numerator) in rows and (configuration, denominator) in rows
    ]


def _efficiency_ratio(first: Record, second: Record) -> EfficiencyRatio:
    pairs = paired(first, second)
    slowdown = ratio_interval([b for _, b in pairs], [a for a, _ in pairs])
    ratio = slowdown.scaled(first.cost.macs / second.cost.macs if first.cost and second.cost else math.nan)
    return EfficiencyRatio(
        target=configuration_label(first.configuration),
        ratio=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        interleaved=first.run == second.run,
    )


def draw_figure4(data: pd.DataFrame, stem: Path) -> tuple[Path, ...]:
    """Bars of FLOPs-efficiency, one panel for each configuration and a last one for the published values.

    Args:
        data: rows of the figure4 experiment.
        stem: path of the files without their suffix.

    Returns:
        The PNG and the SVG; nothing where no row was measured.
    """
    panels = list(measured(data).groupby(TARGET_COLUMNS, sort=False))
    if not panels:
        return ()
    with new_figure(2.6 * (len(panels) + 1), 3.2) as figure:
        axes = figure.subplots(1, len(panels) + 1, squeeze=False)[0]
        for panel, (target, rows) in zip(axes, panels, strict=False):
            centre = rows["efficiency_mmacs_per_ms"]
            error = [
                centre - rows["efficiency_ci_low_mmacs_per_ms"],
                rows["efficiency_ci_high_mmacs_per_ms"] - centre,
            ]
            names = [_short(block) for block in rows["block"]]
            _bars(panel, names, centre.tolist(), error, "measured:\n" + target_label(target))
            panel.set_ylabel("FLOPs-efficiency (MMACs/ms)")
        paper = published("figure4")
        device = f"published:\n{paper['device'].iloc[0]}, {paper['runtime'].iloc[0]} {paper['precision'].iloc[0]}"
        _bars(axes[-1], paper["block"].tolist(), paper["efficiency_mflops_per_ms"].tolist(), None, device)
        axes[-1].set_ylabel('FLOPs-efficiency ("MFLOPs/ms")')
        figure.suptitle("Standard against depthwise separable 3×3 convolution, 32 × 128 × 128", fontsize=10)
        return save(figure, stem)


def _short(block: str) -> str:
    return {"conv3x3:bare": "3x3 Conv", "sepconv3x3:bare": "3x3 SepConv"}.get(block, block)


def _bars(panel: Axes, names: list[str], values: list[float], error: Any, title: str) -> None:
    bars = panel.bar(names, values, yerr=error, capsize=3, color=[BLUE, RED], ecolor=GREY, width=0.6)
    panel.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=3)
    panel.set_title(title, fontsize=8)
    panel.margins(y=0.15)
    panel.grid(visible=False, axis="x")
