"""The gate's figure: every process's difference, so that a reader sees what the verdict rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from microbench.gate.conduct import Outcome, Row
from microbench.gate.judgement import Verdict
from microbench.report.figures.style import BLUE, GREEN, GREY, RED, new_figure, save

_COLOURS = {Verdict.PASS: GREEN, Verdict.SLOWER: RED, Verdict.INCONCLUSIVE: BLUE, Verdict.NOT_COMPARED: GREY}
_OFFSETS = {"first": 0.16, "confirmation": -0.16}
"""Of the two stages' points from the workload's line, upwards."""


def draw_deltas(outcome: Outcome, stem: Path) -> Sequence[Path]:
    """Draw head over base of each process by workload, with the null arm in grey and each stage's 95% interval.

    Returns:
        The paths of `stem`.png and `stem`.svg; none where nothing was compared.
    """
    rows = [row for row in outcome.rows if row.decision is not None]
    if not rows:
        return []
    with new_figure(7.2, 1.4 + 0.5 * len(rows)) as figure:
        axes = figure.add_subplot()
        for place, row in enumerate(reversed(rows)):
            _draw_row(axes, place, row)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.axvline(np.expm1(outcome.plan.policy.rule.slower_than), color=RED, linewidth=0.8, linestyle="--")
        axes.set_yticks(range(len(rows)), [row.workload for row in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("head over base, each process a point (grey: base over itself; dashed: the limit)")
        return save(figure, stem)


def _draw_row(axes: Axes, place: int, row: Row) -> None:
    assert row.decision is not None
    colour = _COLOURS[row.verdict]
    findings = {"first": row.decision.first, "confirmation": row.decision.confirmation}
    for stage, replicates in row.stages.items():
        height = place + _OFFSETS[stage]
        nulls, deltas = (np.expm1([getattr(one, name) for one in replicates]) for name in ("null", "delta"))
        axes.plot(nulls, np.full(len(nulls), height), "|", color=GREY, alpha=0.5)
        axes.plot(deltas, np.full(len(deltas), height), "o", color=colour, alpha=0.5, markersize=4)
        finding = findings[stage]
        if finding is not None:
            shift = finding.evidence.shift
            ends = np.expm1([shift.low, shift.high])
            axes.plot(ends, [height, height], color=colour, linewidth=2)
            axes.plot([np.expm1(shift.centre)], [height], "D", color=colour, markersize=6)
