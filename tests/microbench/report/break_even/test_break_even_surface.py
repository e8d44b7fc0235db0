"""The map's contour and band run where the truth says, and its figure hatches what is open."""

import doctest
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from simulated_map import simulate_map

from microbench.measure.interval import Interval
from microbench.measure.record import Configuration
from microbench.report.break_even import network_shapes as network_shapes_module
from microbench.report.break_even.cell import Cell, Setting, Shape, map_cells
from microbench.report.break_even.network_shapes import network_shapes
from microbench.report.break_even.surface import surface_of
from microbench.report.figures.map import MapAxes, draw_map, draw_panel
from microbench.report.figures.style import new_figure

SHAPES = [Shape(channels, side, side) for channels, side in itertools.product((8, 16, 32, 64), (16, 32, 64, 128))]
SETTING = Setting(Configuration("onnxruntime"), 1)


def truth(_: str, shape: Shape) -> float:
    """The break-even lies at channels x side = 1024, and the ratio grows by sqrt(2) with each doubling of either."""
    return math.sqrt(shape.channels * shape.side / 1024)


def exact(shape: Shape, reach: float = 1.3, ratio: float | None = None) -> Cell:
    value = truth("", shape) if ratio is None else ratio
    return Cell(SETTING, "ghost", shape, Interval(value, value / reach, value * reach), 2.0, 6, 1)


def test_the_contour_of_measured_cells_is_the_true_break_even() -> None:
    surface = surface_of(map_cells(simulate_map(truth, SHAPES, scatter=0.001)))
    assert surface is not None
    (line,) = surface.break_even()
    assert np.log2(line[:, 0] * line[:, 1]) == pytest.approx(10.0, abs=0.02)
    # It runs from one border of the map to the other.
    assert (line[:, 0].min(), line[:, 0].max()) == pytest.approx((8, 64), rel=0.02)


def test_the_band_is_where_one_lies_within_the_interval() -> None:
    surface = surface_of([exact(shape) for shape in SHAPES])
    assert surface is not None
    channels, side = np.meshgrid(surface.channels, surface.side)
    distance = np.abs(np.log(np.sqrt(channels * side / 1024)))
    within = np.asarray(surface.margin > 0)
    assert within[distance < math.log(1.29)].all()
    assert not within[distance > math.log(1.31)].any()


def test_a_cell_of_which_nothing_is_known_widens_the_band_and_leaves_the_contour_finite() -> None:
    cells = [exact(shape) for shape in SHAPES]
    unknown = Cell(SETTING, "ghost", SHAPES[0], Interval(truth("", SHAPES[0]), 0.0, math.inf), 2.0, 6, 1)
    surface = surface_of([unknown, *cells[1:]])
    assert surface is not None
    assert surface.margin[0, 0] > 0
    assert np.isfinite(surface.break_even()[0]).all()


@pytest.mark.parametrize("shapes", [SHAPES[:2], [Shape(c, 16, 16) for c in (8, 16, 32, 64)], SHAPES[:4]])
def test_shapes_on_a_line_span_no_surface(shapes: list[Shape]) -> None:
    assert surface_of([exact(shape) for shape in shapes]) is None


def hatched_tiles(cells: list[Cell]) -> set[tuple[int, int]]:
    with new_figure(3, 3) as figure:
        panel = figure.subplots()
        draw_panel(panel, cells, MapAxes(cells), Normalize(-3, 3))
        tiles = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
        assert len(tiles) == len(cells)
        return {
            (round(2 ** (tile.get_x() + tile.get_width() / 2)), round(2 ** (tile.get_y() + tile.get_height() / 2)))
            for tile in tiles
            if tile.get_hatch()
        }


def test_a_tile_is_hatched_where_the_interval_spans_one() -> None:
    # Of the diagonal the ratio is 1, of its neighbours sqrt(2) or its inverse, which 1.3 excludes.
    assert hatched_tiles([exact(shape) for shape in SHAPES]) == {(8, 128), (16, 64), (32, 32), (64, 16)}
    wide = [exact(shape, reach=1.5) for shape in SHAPES]
    assert len(hatched_tiles(wide)) == 4 + 3 + 3


def test_the_figure_is_written_and_without_cells_there_is_none(tmp_path: Path) -> None:
    few = [exact(shape) for shape in SHAPES[:6]]
    assert [path.suffix for path in draw_map(few, tmp_path / "map", machine="here")] == [".png", ".svg", ".pdf"]
    assert draw_map([], tmp_path / "none", machine="here") == ()


def test_a_single_shape_is_drawn_without_a_contour(tmp_path: Path) -> None:
    assert draw_map([exact(SHAPES[0], ratio=1.0)], tmp_path / "map", machine="here")


def test_the_shapes_of_the_networks_are_those_of_their_architectures() -> None:
    # LPS-Net-M has paths of the image's whole size and of a quarter; stages 2 to 5 have more than one block.
    assert {shape.label for shape in network_shapes("lpsnet-m")} == {
        "24 at 256x512", "48 at 128x256", "96 at 64x128", "24 at 64x128", "48 at 32x64", "96 at 16x32",
    }  # fmt: skip
    assert doctest.testmod(network_shapes_module).failed == 0
