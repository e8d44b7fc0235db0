"""Draw a sweep: all its lines over the widths, and below them each curve as in Figure 5."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from microbench.report.dataframe import measured
from microbench.report.figures.style import SERIES, legend_below, new_figure, save
from microbench.report.figures.width_curve import draw_efficiency, draw_latency
from microbench.report.labels import TARGET_COLUMNS, target_label
from microbench.report.sweet_spots import SWEPT_AXES, WidthCurve, families, in_words

_LINES = ("-", "--", ":", "-.")
_MOST_CURVES = 6
"""More than these are drawn in the overview alone."""


def draw_sweep(data: pd.DataFrame, curves: Sequence[WidthCurve], stem: Path, *, machine: str) -> tuple[Path, ...]:
    """An overview in two panels, latency and efficiency; then two panels for each curve, as in Figure 5.

    Args:
        data: rows of the sweep.
        curves: what was found in it.
        stem: path of the files without their suffix.
        machine: what the rows were measured on; for the title.

    Returns:
        The PNG, the SVG and the PDF; nothing where no row was measured.
    """
    rows = measured(data)
    if rows.empty:
        return ()
    detailed = list(curves) if len(curves) <= _MOST_CURVES else []
    bands = 1 + len(detailed)
    with new_figure(9.6, 3.4 * bands + 0.8) as figure:
        panels = figure.subplots(bands, 2, squeeze=False)
        _draw_overview(panels[0][0], panels[0][1], rows, curves)
        for (latency, efficiency), curve in zip(panels[1:], detailed, strict=True):
            draw_latency(latency, curve)
            draw_efficiency(efficiency, curve)
            latency.set_xlabel("channel width c")
            latency.set_xticks(curve.widths)
            latency.set_title(curve.label, loc="left")
        figure.suptitle(f"Sweep of channel widths on {machine}, with 95% intervals")
        legend_below(figure, *panels.flat, columns=2)
        return save(figure, stem)


def _draw_overview(latency: Axes, efficiency: Axes, rows: pd.DataFrame, curves: Sequence[WidthCurve]) -> None:
    varied = [axis for axis in SWEPT_AXES if len(rows[axis].unique()) > 1]
    styles = itertools.cycle(itertools.product(_LINES, SERIES))
    for in_width, family in families(rows):
        for values, line in family.groupby([*SWEPT_AXES, *TARGET_COLUMNS], sort=False):
            axes = dict(zip([*SWEPT_AXES, *TARGET_COLUMNS], values, strict=True))
            target = target_label([axes[column] for column in TARGET_COLUMNS])
            words = in_words({axis: axes[axis] for axis in varied if axis != "block"}, in_width)
            label = ", ".join([str(axes["block"]), *words, target])
            style, colour = next(styles)
            ordered = line.sort_values("width")
            for panel, column in ((latency, "latency{}_ms"), (efficiency, "efficiency{}_mmacs_per_ms")):
                centre = ordered[column.format("")]
                reach = [centre - ordered[column.format("_ci_low")], ordered[column.format("_ci_high")] - centre]
                panel.errorbar(
                    ordered["width"], centre, yerr=reach, linestyle=style, color=colour, marker="o", markersize=3,
                    capsize=2, label=label,
                )  # fmt: skip
    for curve in curves:
        spots = [curve.widths.index(width) for width in curve.sweet_spots]
        efficiency.scatter(
            curve.sweet_spots, curve.efficiency_mmacs_per_ms[spots], marker="*", s=110, color="black", zorder=3
        )
    latency.set_ylabel("latency (ms)")
    efficiency.set_ylabel("efficiency (MMACs/ms)")
    for panel in (latency, efficiency):
        panel.set_xlabel("channel width c")
        panel.set_xticks(sorted(rows["width"].unique()))
        panel.tick_params(axis="x", labelsize=8)
        panel.set_ylim(bottom=0)
