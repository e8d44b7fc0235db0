"""The gate's figure: the difference in every process, so that a reader sees what the verdict rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from microbench.gate.decision import GateVerdict
from microbench.gate.plan import CONFIRMATION, FIRST
from microbench.gate.result import GateResult, WorkloadResult
from microbench.report.figures.style import BLUE, GREEN, GREY, RED, new_figure, save

_COLOURS = {
    GateVerdict.PASS: GREEN,
    GateVerdict.SLOWER: RED,
    GateVerdict.INCONCLUSIVE: BLUE,
    GateVerdict.NOT_COMPARED: GREY,
}
_OFFSETS = {FIRST: 0.16, CONFIRMATION: -0.16}
"""Of the two stages' points from the workload's line, upwards."""


def draw_slowdowns(result: GateResult, stem: Path) -> Sequence[Path]:
    """Draw head over base of each process by workload, with the null arm in grey and each stage's 95% interval.

    Returns:
        The paths of the figure's files; none if nothing was compared.
    """
    compared = [own for own in result.workloads if own.decision is not None]
    if not compared:
        return []
    with new_figure(7.2, 1.4 + 0.5 * len(compared)) as figure:
        axes = figure.add_subplot()
        for place, workload in enumerate(reversed(compared)):
            _draw_workload(axes, place, workload)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.axvline(np.expm1(result.plan.rule.slower_than), color=RED, linewidth=0.8, linestyle="--")
        # Names are not formulas.
        axes.set_yticks(range(len(compared)), [own.name for own in reversed(compared)], parse_math=False)
        axes.set_ylim(-0.6, len(compared) - 0.4)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("head over base, each process a point (grey: base over itself; dashed: the limit)")
        return save(figure, stem)


def _draw_workload(axes: Axes, place: int, workload: WorkloadResult) -> None:
    assert workload.decision is not None
    colour = _COLOURS[workload.verdict]
    results = {FIRST: workload.decision.first, CONFIRMATION: workload.decision.confirmation}
    for stage, replicates in workload.stages.items():
        height = place + _OFFSETS[stage]
        nulls, deltas = (np.expm1([getattr(one, name) for one in replicates]) for name in ("null", "delta"))
        axes.plot(nulls, np.full(len(nulls), height), "|", color=GREY, alpha=0.5)
        axes.plot(deltas, np.full(len(deltas), height), "o", color=colour, alpha=0.5, markersize=4)
        result = results[stage]
        if result is not None:
            slowdown = result.estimate.slowdown
            ends = np.expm1([slowdown.low, slowdown.high])
            axes.plot(ends, [height, height], color=colour, linewidth=2)
            axes.plot([np.expm1(slowdown.estimate)], [height], "D", color=colour, markersize=6)
