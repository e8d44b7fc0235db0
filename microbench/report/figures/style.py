"""How all figures look, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
"""Of the Okabe-Ito palette, which colour-blind readers can tell apart. As in the paper's Figure 5, MACs are blue and
latency is red."""

SERIES = (BLUE, RED, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")

_SETTINGS: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    # The same records give the same bytes, so that a figure changes in version control only when its numbers do.
    "svg.hashsalt": "lpsnet-microbench",
}


@contextmanager
def new_figure(width_in: float, height_in: float) -> Iterator[Figure]:
    """An empty figure of the project's looks, sizes in inches; no window system is asked for."""
    with mpl.rc_context(_SETTINGS):
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def plain_log(axis: Axis) -> None:
    """Give a logarithmic axis labels such as 0.5, 20 and 1000 in place of powers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.png and `stem`.svg; returns their paths."""
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    figure.savefig(png, dpi=160, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return png, svg
