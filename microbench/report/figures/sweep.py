"""Draw a sweep: latency and efficiency against width, one line for each combination of the other axes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from microbench.report.dataframe import measured
from microbench.report.figures.style import SERIES, new_figure, save
from microbench.report.labels import TARGET_COLUMNS, target_label
from microbench.report.sweet_spots import WidthCurve

_OTHER_AXES = ("block", "in_width", "resolution", "stride", "batch", "depth")
_LINES = ("-", "--", ":", "-.")


def draw_sweep(data: pd.DataFrame, curves: Sequence[WidthCurve], stem: Path) -> tuple[Path, ...]:
    """Two panels over a common axis of widths.

    Args:
        data: rows of the sweep.
        curves: what was found in it; their sweet spots are starred.
        stem: path of the files without their suffix.

    Returns:
        The PNG and the SVG; nothing where no row was measured.
    """
    rows = measured(data)
    if rows.empty:
        return ()
    # A sweep of c to c channels varies its input width with its width: that is no axis of its own.
    square = bool((rows["in_width"] == rows["width"]).all())
    keys = [axis for axis in _OTHER_AXES if not (square and axis == "in_width")]
    shown = [axis for axis in keys if axis == "block" or len(rows[axis].unique()) > 1]
    with new_figure(9.6, 4.2) as figure:
        latency, efficiency = figure.subplots(1, 2)
        styles = itertools.product(_LINES, SERIES)
        for values, line in rows.groupby([*keys, *TARGET_COLUMNS], sort=False):
            axes = dict(zip([*keys, *TARGET_COLUMNS], values, strict=True))
            names = [str(axes[axis]) if axis == "block" else f"{axis} {axes[axis]}" for axis in shown]
            label = ", ".join([*names, target_label([axes[column] for column in TARGET_COLUMNS])])
            style, colour = next(styles, ("-", SERIES[0]))
            ordered = line.sort_values("width")
            for panel, column in ((latency, "latency_ms"), (efficiency, "efficiency_mmacs_per_ms")):
                panel.plot(
                    ordered["width"], ordered[column], style, color=colour, marker="o", markersize=3, label=label
                )
        for curve in curves:
            spots = [curve.widths.index(width) for width in curve.sweet_spots]
            efficiency.scatter(curve.sweet_spots, curve.efficiency_mmacs_per_ms[spots], marker="*", s=110, zorder=3)
        latency.set_ylabel("latency (ms)")
        efficiency.set_ylabel("efficiency (MMACs/ms)")
        for panel in (latency, efficiency):
            panel.set_xlabel("channel width")
            panel.set_ylim(bottom=0)
        figure.legend(*latency.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7)
        return save(figure, stem)
