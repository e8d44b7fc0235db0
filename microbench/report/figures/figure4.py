"""Draw Figure 4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from microbench.report.dataframe import measured
from microbench.report.figures.style import BLUE, GREY, RED, new_figure, save
from microbench.report.labels import TARGET_COLUMNS, target_label
from microbench.report.published import published


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
