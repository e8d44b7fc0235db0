"""Draw Figure 5: MACs and latency against width as in the paper, and below them the efficiency with its sweet spots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from microbench.report.figures.style import BLUE, GREEN, GREY, RED, new_figure, save
from microbench.report.sweet_spots import WidthCurve


def draw_figure5(panels: Mapping[str, Sequence[WidthCurve]], stem: Path) -> tuple[Path, ...]:
    """Two columns, (a) and (b), and two rows for each configuration.

    Args:
        panels: the curves by the panel's letter, in the same order of configurations.
        stem: path of the files without their suffix.

    Returns:
        The PNG and the SVG; nothing where a panel has no curve.
    """
    configurations = min(len(curves) for curves in panels.values())
    if not configurations:
        return ()
    with new_figure(9.6, 5.2 * configurations) as figure:
        axes = figure.subplots(2 * configurations, len(panels), squeeze=False, sharex="col")
        for column, (letter, curves) in enumerate(panels.items()):
            for row, curve in enumerate(curves[:configurations]):
                draw_latency(axes[2 * row][column], curve)
                draw_efficiency(axes[2 * row + 1][column], curve)
                axes[2 * row][column].set_title(f"({letter}) {curve.label.split(', ', 1)[1]}", fontsize=8)
        figure.suptitle("3×3 convolutions, c to c channels on 128 × 128 maps", fontsize=10)
        return save(figure, stem)


def draw_latency(panel: Axes, curve: WidthCurve) -> None:
    """MACs (blue, left) and latency with its interval (red, right), with lines at the cliffs and drops."""
    panel.plot(curve.widths, np.array(curve.macs) / 1e6, color=BLUE, marker="o", markersize=3)
    panel.set_ylabel("MMACs", color=BLUE)
    panel.set_ylim(bottom=0)
    latency = panel.twinx()
    latency.plot(curve.widths, curve.latency_ms, color=RED, marker="s", markersize=3)
    latency.fill_between(
        curve.widths, curve.latency_ci_low_ms, curve.latency_ci_high_ms, color=RED, alpha=0.3, linewidth=0
    )
    latency.set_ylabel("latency (ms)", color=RED)
    latency.set_ylim(bottom=0)
    latency.grid(visible=False)
    styles: dict[str, Literal["--", ":"]] = {"cliff": "--", "drop": ":"}
    for point in curve.change_points:
        between = (point.last_width + point.next_width) / 2
        panel.axvline(between, color=GREY, linestyle=styles[point.kind], linewidth=0.9)
    labels = {"cliff": "cliff: efficiency falls", "drop": "drop: wider and faster"}
    shown = [kind for kind in styles if any(point.kind == kind for point in curve.change_points)]
    lines = [Line2D([], [], color=GREY, linestyle=styles[kind], linewidth=0.9) for kind in shown]
    panel.legend(lines, [labels[kind] for kind in shown], loc="upper left", fontsize=7)


def draw_efficiency(panel: Axes, curve: WidthCurve) -> None:
    """Efficiency with its interval, widths on the free-width frontier filled, sweet spots starred."""
    efficiency = curve.efficiency_mmacs_per_ms
    macs = np.array(curve.macs) / 1e6
    panel.fill_between(
        curve.widths,
        macs / np.array(curve.latency_ci_high_ms),
        macs / np.array(curve.latency_ci_low_ms),
        color=GREEN,
        alpha=0.3,
        linewidth=0,
    )
    panel.plot(curve.widths, efficiency, color=GREEN, linewidth=1)
    for names, marker, size, label in (
        (curve.widths, "o", 16, None),
        (curve.frontier, "o", 16, "no wider one is as fast"),
        (curve.sweet_spots, "*", 110, "sweet spot"),
    ):
        chosen = [curve.widths.index(width) for width in names]
        panel.scatter(
            [curve.widths[i] for i in chosen],
            efficiency[chosen],
            s=size,
            marker=marker,
            facecolors="white" if label is None else GREEN,
            edgecolors=GREEN,
            zorder=3,
            label=label,
        )
    panel.set_xlabel("channel width c")
    panel.set_xticks(curve.widths)
    panel.tick_params(axis="x", labelsize=7)
    panel.set_ylabel("efficiency (MMACs/ms)", color=GREEN)
    panel.set_ylim(bottom=0)
    panel.legend(loc="upper left", fontsize=7)
