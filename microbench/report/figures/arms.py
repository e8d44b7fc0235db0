"""Draw the arms of a controlled experiment over each other: efficiency against width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from microbench.report.controlled.periods import ArmPeriod
from microbench.report.figures.style import MARKERS, SERIES, legend_below, new_figure, save

_COLUMNS = 2


def draw_arms(panels: Mapping[str, Sequence[ArmPeriod]], stem: Path, *, title: str) -> tuple[Path, ...]:
    """One panel each, with a line for each arm and a thin vertical one wherever its period returns.

    Args:
        panels: the arms by the panel's title.
        stem: path of the files without their suffix.
        title: above all panels.

    Returns:
        The PNG, the SVG and the PDF; nothing where no arm has enough widths.
    """
    drawn = {name: arms for name, arms in panels.items() if arms}
    if not drawn:
        return ()
    columns = min(_COLUMNS, len(drawn))
    rows = -(-len(drawn) // columns)
    with new_figure(4.8 * columns, 3.2 * rows + 0.6) as figure:
        axes = figure.subplots(rows, columns, squeeze=False)
        for panel, (name, arms) in zip(axes.flat, drawn.items(), strict=False):
            for place, arm in enumerate(arms):
                curve, colour = arm.curve, SERIES[place % len(SERIES)]
                efficiency = curve.efficiency_mmacs_per_ms
                macs = np.array(curve.macs) / 1e6
                reach = [
                    efficiency - macs / np.array(curve.latency_ci_high_ms),
                    macs / np.array(curve.latency_ci_low_ms) - efficiency,
                ]
                period = f"period {arm.channels}" if arm.channels else "no clear period"
                panel.errorbar(
                    curve.widths,
                    efficiency,
                    yerr=reach,
                    color=colour,
                    marker=MARKERS[place % len(MARKERS)],
                    markersize=4,
                    linewidth=1,
                    capsize=2,
                    label=arm.arm,
                )
                if arm.channels:
                    for width in range(arm.channels, max(curve.widths) + 1, arm.channels):
                        panel.axvline(width, color=colour, linestyle=(place, (1, 3)), linewidth=0.8)
                panel.annotate(
                    f"{arm.arm}: {period}",
                    (0.02, 0.97 - 0.07 * place),
                    xycoords="axes fraction",
                    va="top",
                    fontsize=8,
                    color=colour,
                )
            panel.set_title(name)
            panel.set_xlabel("channel width c")
            panel.set_ylabel("efficiency (MMACs/ms)")
            panel.set_ylim(bottom=0)
            panel.margins(y=0.25)
        for panel in list(axes.flat)[len(drawn) :]:
            panel.set_visible(False)
        figure.suptitle(title)
        legend_below(figure, *axes.flat, columns=3)
        return save(figure, stem)
