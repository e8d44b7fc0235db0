"""Draw one block's curve against its width: MACs and latency, and efficiency with its sweet spots."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from microbench.report.figures.style import BLUE, GREEN, GREY, RED
from microbench.report.sweet_spots import WidthCurve

_KINDS = {"cliff": "cliff: efficiency falls", "drop": "drop: wider and faster"}


def draw_latency(panel: Axes, curve: WidthCurve) -> None:
    """MACs (blue, left) and latency with its interval (red, right), with lines at the cliffs and drops."""
    panel.plot(curve.widths, np.array(curve.macs) / 1e6, color=BLUE, marker="o", markersize=3, label="MACs")
    panel.set_ylabel("MMACs", color=BLUE)
    panel.set_ylim(bottom=0)
    latency = panel.twinx()
    latency.errorbar(curve.widths, curve.latency_ms, yerr=_reach(curve), color=RED, marker="s", markersize=3, capsize=2)
    panel.plot([], [], color=RED, marker="s", markersize=3, label="latency, 95% interval")
    latency.set_ylabel("latency (ms)", color=RED)
    latency.set_ylim(bottom=0)
    latency.grid(visible=False)
    styles: dict[str, Literal["--", ":"]] = {"cliff": "--", "drop": ":"}
    for point in curve.change_points:
        between = (point.last_width + point.next_width) / 2
        panel.axvline(between, color=GREY, linestyle=styles[point.kind], linewidth=0.9, label=_KINDS[point.kind])


def draw_efficiency(panel: Axes, curve: WidthCurve) -> None:
    """Efficiency with its interval, widths on the free-width frontier filled, sweet spots starred."""
    efficiency = curve.efficiency_mmacs_per_ms
    macs = np.array(curve.macs) / 1e6
    low, high = macs / np.array(curve.latency_ci_high_ms), macs / np.array(curve.latency_ci_low_ms)
    panel.errorbar(
        curve.widths, efficiency, yerr=[efficiency - low, high - efficiency], color=GREEN, linewidth=1, capsize=2
    )
    for names, marker, size, label in (
        (curve.widths, "o", 16, None),
        (curve.frontier, "o", 16, "free-width frontier: no wider one is as fast"),
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
    panel.tick_params(axis="x", labelsize=8)
    panel.set_ylabel("efficiency (MMACs/ms)", color=GREEN)
    panel.set_ylim(bottom=0)


def _reach(curve: WidthCurve) -> NDArray[np.float64]:
    """From the latency down and up to the ends of its interval."""
    latency = np.array(curve.latency_ms)
    return np.array([latency - np.array(curve.latency_ci_low_ms), np.array(curve.latency_ci_high_ms) - latency])
