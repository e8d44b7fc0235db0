"""Draw Figure 5: MACs and latency against width as in the paper, and below them the efficiency with its sweet spots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from microbench.report.figures.style import legend_below, new_figure, save
from microbench.report.figures.width_curve import draw_efficiency, draw_latency
from microbench.report.sweet_spots import WidthCurve


def draw_figure5(
    panels: Mapping[str, Sequence[WidthCurve]],
    stem: Path,
    *,
    machine: str,
    inside: Mapping[str, Sequence[WidthCurve]] | None = None,
) -> tuple[Path, ...]:
    """Two columns, (a) and (b), and two rows for each configuration, of single blocks and inside a network.

    Args:
        panels: the curves of single blocks by the panel's letter, in the same order of configurations.
        stem: path of the files without their suffix.
        machine: what the rows were measured on; for the title.
        inside: the same of one more block inside a network, where chains were timed.

    Returns:
        The PNG, the SVG and the PDF; nothing where a panel has no curve.
    """
    alone, one_more = _in_rows(panels), _in_rows(inside or {})
    if not alone:
        return ()
    rows = [*alone, *one_more]
    with new_figure(9.6, 5.2 * len(rows) + 0.5) as figure:
        axes = figure.subplots(2 * len(rows), len(panels), squeeze=False, sharex="col")
        for row, curves in enumerate(rows):
            for column, (letter, curve) in enumerate(zip(panels, curves, strict=True)):
                draw_latency(axes[2 * row][column], curve)
                draw_efficiency(axes[2 * row + 1][column], curve)
                axes[2 * row][column].set_title(f"({letter}) {curve.label.split(', ', 1)[1]}")
        figure.suptitle(f"3×3 convolutions, c to c channels on 128 × 128 maps, on {machine}")
        legend_below(figure, *axes.flat, columns=3)
        return save(figure, stem)


def _in_rows(panels: Mapping[str, Sequence[WidthCurve]]) -> list[tuple[WidthCurve, ...]]:
    """One curve of each panel in each row, for the configurations that all panels have."""
    return list(zip(*panels.values(), strict=False))
