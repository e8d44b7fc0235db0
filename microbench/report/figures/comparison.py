"""Draw a comparison: each row's ratio to the first set, one panel for each experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from microbench.report.comparison.ratios import ComparedRow, Comparison
from microbench.report.figures.style import GREY, MARKERS, SERIES, legend_below, new_figure, plain_log, save

_NAMED_ROWS = 24
"""A panel of more rows has no room for their names, and lays them out by latency."""
_ROW_IN = 0.26


def draw_comparison(comparison: Comparison, stem: Path) -> tuple[Path, ...]:
    """Ratios with their 95% intervals; a row that is noisy on a side is hollow.

    Args:
        comparison: of two sets or more.
        stem: path of the files without their suffix.

    Returns:
        The PNG, the SVG and the PDF.
    """
    experiments = list(dict.fromkeys(row.experiment for row in comparison.rows))
    panels = [[row for row in comparison.rows if row.experiment == experiment] for experiment in experiments]
    heights = [1.1 + _ROW_IN * max(4, len(rows)) if len(rows) <= _NAMED_ROWS else 3.4 for rows in panels]
    with new_figure(7.2, sum(heights) + 0.4) as figure:
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for panel, experiment, rows in zip(axes, experiments, panels, strict=True):
            panel.set_title(f"{experiment}, with 95% intervals; hollow: noisy")
            if len(rows) <= _NAMED_ROWS:
                _draw_by_name(panel, comparison, rows)
            else:
                _draw_by_latency(panel, comparison, rows)
        legend_below(figure, axes[0], columns=2)
        return save(figure, stem)


def _draw_by_name(panel: Axes, comparison: Comparison, rows: Sequence[ComparedRow]) -> None:
    others = len(comparison.labels) - 1
    for place in range(1, others + 1):
        # Sets are set apart a little, so that their intervals do not lie on each other.
        offset = (place - (others + 1) / 2) * 0.5 / others
        _draw_set(panel, comparison, rows, place, [index + offset for index in range(len(rows))], upright=False)
    panel.axvline(1.0, color=GREY, linewidth=0.8)
    panel.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlabel(f"latency over that in {comparison.labels[0]}")


def _draw_by_latency(panel: Axes, comparison: Comparison, rows: Sequence[ComparedRow]) -> None:
    latencies = [row.latencies[0].latency_ms if row.latencies[0] else 0.0 for row in rows]
    for place in range(1, len(comparison.labels)):
        _draw_set(panel, comparison, rows, place, latencies, upright=True)
    panel.axhline(1.0, color=GREY, linewidth=0.8)
    panel.set_xscale("log")
    plain_log(panel.xaxis)
    panel.set_xlabel(f"latency in {comparison.labels[0]} (ms)")
    panel.set_ylabel(f"latency over that in {comparison.labels[0]}")


def _draw_set(
    panel: Axes,
    comparison: Comparison,
    rows: Sequence[ComparedRow],
    place: int,
    positions: Sequence[float],
    *,
    upright: bool,
) -> None:
    colour = SERIES[(place - 1) % len(SERIES)]
    label: str | None = comparison.labels[place]
    for row, at in zip(rows, positions, strict=True):
        latency = row.latencies[place]
        if latency is None:
            continue
        reach = [[latency.ratio.estimate - latency.ratio.low], [latency.ratio.high - latency.ratio.estimate]]
        x, y = (at, latency.ratio.estimate) if upright else (latency.ratio.estimate, at)
        panel.errorbar(
            x,
            y,
            xerr=None if upright else reach,
            yerr=reach if upright else None,
            fmt=MARKERS[(place - 1) % len(MARKERS)],
            color=colour,
            markerfacecolor="none" if row.noisy else colour,
            markersize=4,
            linewidth=0.8,
            label=label,
        )
        label = None
