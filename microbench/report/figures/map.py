"""Draw the map: small multiples of the break-even, a row of panels for each setting and a column for each block."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import NullLocator

from microbench.report.break_even.cell import Cell
from microbench.report.break_even.network_shapes import NETWORKS, network_shapes
from microbench.report.break_even.surface import Surface, surface_of
from microbench.report.figures.style import MARKERS, new_figure, save

_COLOURS = "RdBu_r"
"""Diverging, and told apart by colour-blind readers: blue where the convolution is cheaper, red where it is dearer."""
_BETWEEN_ALPHA = 0.45
"""Of the colour between measured shapes, which is interpolated."""
_MOST_DOUBLINGS = 3.0
"""The colours end at 1/8 and 8, or before where no ratio goes so far."""
_PANEL_IN, _ROW_IN = 1.9, 1.75


def draw_map(cells: Sequence[Cell], stem: Path, *, machine: str) -> tuple[Path, ...]:
    """How many of each block one 3x3 convolution costs, over channels and the maps' side.

    A tile is a measured shape; it is hatched where the interval spans 1. Between tiles the colour is interpolated. The
    line is the contour at 1, and the grey band where 1 lies within the interpolated 95% interval.

    Args:
        cells: of the map.
        stem: path of the files without their suffix.
        machine: what was measured; for the title.

    Returns:
        The PNG, the SVG and the PDF; nothing without cells.
    """
    if not cells:
        return ()
    settings = list(dict.fromkeys(cell.setting for cell in cells))
    blocks = list(dict.fromkeys(cell.block for cell in cells))
    doublings = min(max(abs(math.log2(cell.ratio.estimate)) for cell in cells), _MOST_DOUBLINGS)
    norm = Normalize(-max(doublings, 0.1), max(doublings, 0.1))
    axes_values = MapAxes(cells)
    with new_figure(1.6 + _PANEL_IN * len(blocks), 1.8 + _ROW_IN * len(settings)) as figure:
        panels = figure.subplots(len(settings), len(blocks), squeeze=False, sharex=True, sharey=True)
        for row, setting in enumerate(settings):
            for column, block in enumerate(blocks):
                panel = panels[row][column]
                own = [cell for cell in cells if cell.setting == setting and cell.block == block]
                draw_panel(panel, own, axes_values, norm)
                if row == 0:
                    panel.set_title(block)
                if row == len(settings) - 1:
                    panel.set_xlabel("channels")
            panels[row][0].set_ylabel(f"{setting.label.replace(', ', chr(10))}\nside of the map", fontsize=7)
        bar = figure.colorbar(ScalarMappable(norm, _COLOURS), ax=panels, shrink=0.6, aspect=30, extend="both")
        ticks = np.arange(math.ceil(norm.vmin or 0), math.floor(norm.vmax or 0) + 1)
        bar.set_ticks(ticks.tolist(), labels=[_ratio_text(int(tick)) for tick in ticks])
        bar.set_label("blocks of the other kind that one conv3x3 costs")
        figure.suptitle(f"Break-even of blocks inside a network on {machine}")
        handles, _ = panels[0][0].get_legend_handles_labels()
        figure.legend(handles=[*handles, *_explanations()], loc="outside lower center", ncols=min(len(blocks), 3))
        return save(figure, stem)


class MapAxes:
    """The channels and sides of all panels, and the tiles' edges between them."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.channels = sorted({float(cell.shape.channels) for cell in cells})
        self.sides = sorted({cell.shape.side for cell in cells})
        self._x, self._y = _edges(self.channels), _edges(self.sides)

    @property
    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Of both axes, in doublings."""
        return (self._x[0], self._x[-1]), (self._y[0], self._y[-1])

    def tile(self, cell: Cell) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of the cell's tile, on axes of doublings."""
        i, j = self.channels.index(float(cell.shape.channels)), self.sides.index(cell.shape.side)
        return self._x[i], self._y[j], self._x[i + 1] - self._x[i], self._y[j + 1] - self._y[j]


def _edges(values: Sequence[float]) -> list[float]:
    """Half-way between neighbours on a logarithmic axis; the outer ones half a doubling away."""
    logs = [math.log2(value) for value in values]
    inner = [(one + other) / 2 for one, other in itertools.pairwise(logs)]
    return [logs[0] - 0.5, *inner, logs[-1] + 0.5]


def draw_panel(panel: Axes, cells: Sequence[Cell], values: MapAxes, norm: Normalize) -> None:
    """One panel of the map.

    Args:
        panel: to draw in; its axes become doublings of channels and side.
        cells: of one block in one setting.
        values: of the axes that all panels share.
        norm: from the ratio's doublings to the colours.
    """
    panel.grid(visible=False)
    surface = surface_of(cells)
    if surface is not None:
        _draw_surface(panel, surface, norm)
    for cell in cells:
        left, bottom, width, height = values.tile(cell)
        colour = colormaps[_COLOURS](norm(math.log2(cell.ratio.estimate)))
        # Tiles leave a margin, in which the interpolated colour is seen.
        inner = (left + 0.12 * width, bottom + 0.12 * height)
        panel.add_patch(
            Rectangle(
                inner, 0.76 * width, 0.76 * height, facecolor=colour, edgecolor="black", linewidth=0,
                hatch="////" if cell.is_open else None, zorder=2,
            )
        )  # fmt: skip
    if surface is not None:
        _draw_contour(panel, surface)
    _draw_networks(panel, values)
    (x_low, x_high), (y_low, y_high) = values.limits
    panel.set_xlim(x_low, x_high)
    panel.set_ylim(y_low, y_high)
    panel.set_xticks([math.log2(c) for c in values.channels], [f"{c:g}" for c in values.channels], fontsize=7)
    panel.set_yticks([math.log2(s) for s in values.sides], [f"{s:.0f}" for s in values.sides], fontsize=7)
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_minor_locator(NullLocator())


def _draw_surface(panel: Axes, surface: Surface, norm: Normalize) -> None:
    x, y = np.log2(surface.channels), np.log2(surface.side)
    panel.imshow(
        surface.log_ratio / math.log(2), extent=(x[0], x[-1], y[0], y[-1]), origin="lower", aspect="auto",
        cmap=_COLOURS, norm=norm, alpha=_BETWEEN_ALPHA, zorder=1, interpolation="none",
    )  # fmt: skip


def _draw_contour(panel: Axes, surface: Surface) -> None:
    x, y = np.log2(surface.channels), np.log2(surface.side)
    margin = surface.margin
    if margin.max() > 0 > margin.min():
        panel.contourf(x, y, margin, levels=[0, math.inf], colors=["black"], alpha=0.2, zorder=3)
    for line in surface.break_even():
        panel.plot(np.log2(line[:, 0]), np.log2(line[:, 1]), color="black", linewidth=1.4, zorder=4)


def _draw_networks(panel: Axes, values: MapAxes) -> None:
    (x_low, x_high), (y_low, y_high) = values.limits
    for marker, (label, name) in zip(MARKERS, NETWORKS.items(), strict=False):
        places = [(math.log2(shape.channels), math.log2(shape.side)) for shape in network_shapes(name)]
        shown = [(x, y) for x, y in places if x_low <= x <= x_high and y_low <= y <= y_high]
        if shown:
            panel.scatter(
                [x for x, _ in shown], [y for _, y in shown], marker=marker, s=16,
                facecolor="white", edgecolor="black", linewidth=0.8,
                zorder=5, label=f"blocks of {label} at 1024x2048",
            )  # fmt: skip


def _explanations() -> list[Artist]:
    return [
        Line2D([], [], color="black", linewidth=1.4, label="one for one"),
        Patch(facecolor="black", alpha=0.2, label="its 95% band"),
        Patch(facecolor="white", edgecolor="black", hatch="////", label="interval spans 1"),
    ]


def _ratio_text(doublings: int) -> str:
    return str(2**doublings) if doublings >= 0 else f"1/{2**-doublings}"
