"""How all figures look, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

BLUE, RED, GREEN, GREY = "#0072B2", "#D55E00", "#008A64", "#666666"
"""Of the Okabe-Ito palette, which colour-blind readers can tell apart, green a little darker. As in the paper's
Figure 5, MACs are blue and latency is red."""

SERIES = (BLUE, RED, GREEN, "#AA4499", "#8C6D00", "#000000", "#882255", "#5B7A00")
"""Each has a contrast of at least 3 to white (WCAG 2.2, 1.4.11)."""

MARKERS = "osD^vP*X"

_SETTINGS: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.titlesize": 10,
    "font.size": 9,
    "grid.alpha": 0.25,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text
    # The same records give the same bytes, so that a figure changes in version control only when its numbers do.
    "svg.hashsalt": "lpsnet-microbench",
}


@contextmanager
def new_figure(width_in: float, height_in: float) -> Iterator[Figure]:
    """An empty figure in the project's style, sizes in inches; no window system is needed."""
    with mpl.rc_context(_SETTINGS):
        yield Figure(figsize=(width_in, height_in), layout="constrained")


def plain_log(axis: Axis) -> None:
    """Give a logarithmic axis labels such as 0.5, 20 and 1000 in place of powers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def name_point(panel: Axes, name: str, x: float, y: float) -> None:
    """Write a point's name to its lower right, with a line that leads to it."""
    panel.annotate(
        name,
        (x, y),
        xytext=(14, -16),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkB": 3},
    )


def legend_below(figure: Figure, *panels: Axes, columns: int = 3) -> None:
    """One legend for the panels, below them, where it covers no data; equal labels are shown once."""
    entries: dict[str, Artist] = {}
    for panel in panels:
        handles, labels = panel.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    if entries:
        figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns)


def save(figure: Figure, stem: Path) -> tuple[Path, Path, Path]:
    """Write `stem`.png, `stem`.svg and `stem`.pdf; returns their paths."""
    png, svg, pdf = (stem.with_suffix(suffix) for suffix in (".png", ".svg", ".pdf"))
    figure.savefig(png, dpi=200, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    figure.savefig(pdf, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return png, svg, pdf
