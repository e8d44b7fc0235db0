"""The break-even between the shapes that were measured: where it is 1, and where it may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from contourpy import contour_generator
from matplotlib.tri import LinearTriInterpolator, Triangulation
from numpy.typing import NDArray

from microbench.report.break_even.cell import Cell

Values = NDArray[np.float64]

_POINTS = 33
"""Of the mesh, on each side: between shapes the surface is linear, and more would but make the file larger."""

_UNKNOWN = 10.0
"""In place of the logarithm of a bound of 0 or infinity: farther from 0 than any ratio that was measured."""


@dataclass(frozen=True)
class Surface:
    """The logarithm of the break-even over channels and the maps' side, linear between neighbouring shapes."""

    channels: Values
    """(X,), evenly spread on a logarithmic axis."""
    side: Values
    """(Y,), in pixels, alike."""
    log_ratio: np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]
    """(Y, X), masked outside of the measured shapes."""
    log_low: np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]
    """Of the intervals' lower bounds."""
    log_high: np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]
    """Of the intervals' upper bounds."""

    @property
    def margin(self) -> np.ma.MaskedArray[tuple[int, int], np.dtype[np.float64]]:
        """(Y, X): how far 1 lies within the interval, as a logarithm; below 0 where it lies outside.

        The band of the contour at 1 is where this is above 0.
        """
        return np.ma.minimum(-self.log_low, self.log_high)

    def break_even(self) -> list[Values]:
        """The contour at 1: lines of points (n, 2), channels and side."""
        lines = contour_generator(np.log(self.channels), np.log(self.side), self.log_ratio).lines(0.0)
        return [np.exp(np.asarray(line, dtype=np.float64)) for line in lines]


def surface_of(cells: Sequence[Cell]) -> Surface | None:
    """The surface through the cells of one block in one setting.

    Args:
        cells: of different shapes.

    Returns:
        The surface; None where the shapes lie on a line, and span no surface.
    """
    x = np.log([cell.shape.channels for cell in cells])
    y = np.log([cell.shape.side for cell in cells])
    if len(cells) < 3 or np.linalg.matrix_rank(np.column_stack([x - x[0], y - y[0]]), tol=1e-9) < 2:
        return None
    triangles = Triangulation(x, y)
    across, up = (np.linspace(values.min(), values.max(), _POINTS) for values in (x, y))
    mesh = np.meshgrid(across, up)
    bounds = [(cell.ratio.estimate, cell.ratio.low, cell.ratio.high) for cell in cells]
    logs = [[_log(value) for value in one] for one in zip(*bounds, strict=True)]
    surfaces = [LinearTriInterpolator(triangles, values)(*mesh) for values in logs]
    return Surface(np.exp(across), np.exp(up), *surfaces)


def _log(value: float) -> float:
    if value <= 0:
        return -_UNKNOWN
    return _UNKNOWN if math.isinf(value) else math.log(value)
