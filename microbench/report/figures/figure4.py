"""Draw Figure 4: the FLOPs-efficiency of both convolutions in each runtime, with their ratio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from microbench.measure.interval import Interval
from microbench.report.dataframe import measured
from microbench.report.efficiency_ratio import EfficiencyRatio
from microbench.report.figures.style import BLUE, GREY, RED, legend_below, new_figure, save
from microbench.report.labels import TARGET_COLUMNS, configuration_label, target_label
from microbench.report.marginal import MarginalCost
from microbench.report.published import published

_BLOCKS = {"conv3x3:bare": ("3x3 Conv", BLUE), "sepconv3x3:bare": ("3x3 SepConv", RED)}
_INSIDE = "inside a network"
_HATCH = "////"
_GROUP_WIDTH = 0.8


@dataclass(frozen=True)
class _Series:
    """One block by one protocol: its efficiency by what it was run in."""

    name: str
    colour: str
    hatch: str | None
    efficiencies: Mapping[str, Interval]


def draw_figure4(
    data: pd.DataFrame,
    costs: Sequence[MarginalCost],
    ratios: Sequence[EfficiencyRatio],
    stem: Path,
    *,
    machine: str,
) -> tuple[Path, ...]:
    """Bars of FLOPs-efficiency on one scale for all that was measured, and the published ones on their own.

    Args:
        data: single blocks, the paper's protocol: full bars.
        costs: of chains of the same blocks, inside a network: hatched bars; none where no chain was measured.
        ratios: of both blocks' efficiencies; written above the bars.
        stem: path of the files without their suffix.
        machine: what the rows were measured on; for the title.

    Returns:
        The PNG, the SVG and the PDF; nothing where no row was measured.
    """
    groups = {target_label(target): rows for target, rows in measured(data).groupby(TARGET_COLUMNS, sort=False)}
    if not groups:
        return ()
    series = [*_alone(groups), *_inside(costs)]
    with new_figure(3.4 + (1.5 if not costs else 2.0) * len(groups), 4.0) as figure:
        panels = figure.subplots(1, 2, width_ratios=[len(groups), 1])
        tops = _draw_bars(panels[0], list(groups), sorted(series, key=lambda one: one.colour))
        for place, label in enumerate(groups):
            own = [ratio for ratio in ratios if ratio.target == label]
            _write_above(panels[0], place, tops[place], "\n".join(_ratio_text(ratio, own) for ratio in own))
        panels[0].set_ylabel("FLOPs-efficiency (MMACs/ms)")
        panels[0].set_title(f"measured on {machine}, with 95% intervals")
        _draw_published(panels[1])
        for panel in panels:
            panel.grid(visible=False, axis="x")
            panel.margins(y=0.22 if not costs else 0.35)
        figure.suptitle("Standard and depthwise separable 3×3 convolution, 32 channels, 128 × 128")
        legend_below(figure, panels[0], columns=2)
        return save(figure, stem)


def _alone(groups: Mapping[str, pd.DataFrame]) -> list[_Series]:
    columns = ["efficiency_mmacs_per_ms", "efficiency_ci_low_mmacs_per_ms", "efficiency_ci_high_mmacs_per_ms"]
    found = []
    for block, (name, colour) in _BLOCKS.items():
        rows = {label: group[group["block"] == block] for label, group in groups.items()}
        efficiencies = {label: Interval(*map(float, own[columns].iloc[0])) for label, own in rows.items() if len(own)}
        found.append(_Series(name, colour, None, efficiencies))
    return found


def _inside(costs: Sequence[MarginalCost]) -> list[_Series]:
    found = []
    for block, (name, colour) in _BLOCKS.items():
        own = {configuration_label(cost.configuration): cost for cost in costs if cost.axes["block"] == block}
        known = {label: cost.efficiency_mmacs_per_ms for label, cost in own.items()}
        efficiencies = {label: efficiency for label, efficiency in known.items() if efficiency is not None}
        if efficiencies:
            found.append(_Series(f"{name}, one more {_INSIDE}", colour, _HATCH, efficiencies))
    return found


def _draw_bars(panel: Axes, labels: Sequence[str], series: Sequence[_Series]) -> list[float]:
    """Draw one group of bars a label; returns the top of each."""
    width = _GROUP_WIDTH / len(series)
    tops = [0.0] * len(labels)
    for index, one in enumerate(series):
        offset = (index - (len(series) - 1) / 2) * width
        places = [place for place, label in enumerate(labels) if label in one.efficiencies]
        values = [one.efficiencies[labels[place]] for place in places]
        panel.bar(
            [place + offset for place in places],
            [value.estimate for value in values],
            width,
            yerr=[[v.estimate - v.low for v in values], [v.high - v.estimate for v in values]],
            capsize=3,
            ecolor=GREY,
            facecolor="white" if one.hatch else one.colour,
            edgecolor=one.colour,
            hatch=one.hatch,
            label=one.name,
        )
        for place, value in zip(places, values, strict=True):
            _write_above(panel, place + offset, value.high, f"{value.estimate:.0f}", bold=False)
            tops[place] = max(tops[place], value.high)
    panel.set_xticks(range(len(labels)), [label.replace(", ", ",\n") for label in labels])
    return tops


def _write_above(panel: Axes, x: float, y: float, text: str, *, bold: bool = True) -> None:
    panel.annotate(
        text,
        (x, y),
        xytext=(0, 14 if bold else 2),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        fontweight="bold" if bold else "normal",
    )


def _ratio_text(ratio: EfficiencyRatio, own: Sequence[EfficiencyRatio]) -> str:
    # On a line of its own: the groups are about as wide as the ratio with its interval.
    protocol = f"{ratio.protocol}\n" if len(own) > 1 else ""
    return f"{protocol}×{ratio.ratio.estimate:.2f} [{ratio.ratio.low:.2f}, {ratio.ratio.high:.2f}]"


def _draw_published(panel: Axes) -> None:
    paper = published("figure4")
    values = [float(value) for value in paper["efficiency_mflops_per_ms"]]
    for offset, value, (_, colour) in zip((-0.2, 0.2), values, _BLOCKS.values(), strict=True):
        panel.bar(offset, value, 0.4, color=colour)
        _write_above(panel, offset, value, f"{value:,.0f}", bold=False)
    _write_above(panel, 0.0, max(values), f"×{values[0] / values[1]:.1f}")
    panel.set_xticks([0], [f"{paper['runtime'].iloc[0]} {paper['precision'].iloc[0]}"])
    panel.set_xlim(-0.7, 0.7)
    panel.set_title(f"published:\n{paper['device'].iloc[0]}")
    panel.set_ylabel('"MFLOPs/ms"')
