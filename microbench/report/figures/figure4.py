"""Draw Figure 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from microbench.measure.interval import Interval
from microbench.report.dataframe import measured
from microbench.report.figures.style import BLUE, GREY, RED, new_figure, save
from microbench.report.labels import TARGET_COLUMNS, configuration_label, target_label
from microbench.report.marginal import MarginalCost
from microbench.report.published import published

_HATCH = "////"


def draw_figure4(data: pd.DataFrame, costs: Sequence[MarginalCost], stem: Path) -> tuple[Path, ...]:
    """Bars of FLOPs-efficiency, one panel for each configuration and a last one for the published values.

    Args:
        data: single blocks, the paper's protocol: full bars.
        costs: of chains of the same blocks, inside a network: hatched bars; none where no chain was measured.
        stem: path of the files without their suffix.

    Returns:
        The PNG and the SVG; nothing where no row was measured.
    """
    panels = list(measured(data).groupby(TARGET_COLUMNS, sort=False))
    if not panels:
        return ()
    with new_figure(2.6 * (len(panels) + 1), 3.2) as figure:
        axes = figure.subplots(1, len(panels) + 1, squeeze=False)[0]
        for panel, (target, rows) in zip(axes, panels, strict=False):
            single = [
                Interval(*values)
                for values in rows[
                    ["efficiency_mmacs_per_ms", "efficiency_ci_low_mmacs_per_ms", "efficiency_ci_high_mmacs_per_ms"]
                ].itertuples(index=False)
            ]
            own = {
                cost.axes["block"]: cost.efficiency_mmacs_per_ms
                for cost in costs
                if configuration_label(cost.configuration) == target_label(target)
            }
            inside = [own.get(block) for block in rows["block"]]
            _bars(panel, [_short(block) for block in rows["block"]], single, inside)
            panel.set_title("measured:\n" + target_label(target), fontsize=8)
            panel.set_ylabel("FLOPs-efficiency (MMACs/ms)")
        paper = published("figure4")
        device = f"published:\n{paper['device'].iloc[0]}, {paper['runtime'].iloc[0]} {paper['precision'].iloc[0]}"
        values = [Interval(value, value, value) for value in paper["efficiency_mflops_per_ms"]]
        _bars(axes[-1], paper["block"].tolist(), values, [None] * len(values))
        axes[-1].set_title(device, fontsize=8)
        axes[-1].set_ylabel('FLOPs-efficiency ("MFLOPs/ms")')
        figure.suptitle("Standard against depthwise separable 3×3 convolution, 32 × 128 × 128", fontsize=10)
        if costs:
            keys = [Patch(facecolor=GREY), Patch(facecolor="white", edgecolor=GREY, hatch=_HATCH)]
            labels = ["one block alone (the paper's protocol)", "one more block inside a network"]
            figure.legend(keys, labels, loc="outside lower center", ncols=2, fontsize=8)
        return save(figure, stem)


def _short(block: str) -> str:
    return {"conv3x3:bare": "3x3 Conv", "sepconv3x3:bare": "3x3 SepConv"}.get(block, block)


def _bars(panel: Axes, names: list[str], single: list[Interval], inside: list[Interval | None]) -> None:
    """A full bar for each block and, where it is known, a hatched one beside it."""
    width = 0.4 if any(inside) else 0.6
    for place, (colour, alone, marginal) in enumerate(zip((BLUE, RED), single, inside, strict=False)):
        if marginal is None:
            _bar(panel, place, width, alone, facecolor=colour)
        else:
            _bar(panel, place - width / 2, width, alone, facecolor=colour)
            _bar(panel, place + width / 2, width, marginal, facecolor="white", edgecolor=colour, hatch=_HATCH)
    panel.set_xticks(range(len(names)), names)
    panel.margins(y=0.15)
    panel.grid(visible=False, axis="x")


def _bar(panel: Axes, place: float, width: float, value: Interval, **looks: Any) -> None:
    error = [[value.estimate - value.low], [value.high - value.estimate]] if value.low < value.high else None
    bar = panel.bar([place], [value.estimate], width, yerr=error, capsize=3, ecolor=GREY, **looks)
    panel.bar_label(bar, labels=[f"{value.estimate:,.0f}"], padding=3, fontsize=8)
