"""What a calibration says: the error rates as a table, in Markdown and JSON, and as operating characteristics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from microbench.gate.calibration import Calibration
from microbench.gate.exits import exit_code
from microbench.gate.judgement import Verdict, weigh
from microbench.gate.operating import OperatingPoint
from microbench.gate.report import as_json as outcome_json
from microbench.gate.report import shift_text
from microbench.measure.environment import fingerprint
from microbench.report.figures.style import SERIES, new_figure, save

STEM = "calibration"


def table(calibration: Calibration) -> pd.DataFrame:
    """One line for each workload and slowdown."""
    shown = {(one.workload, one.slowdown): shift_text(weigh(one.replicates).shift) for one in calibration.injected}
    return pd.DataFrame(
        {
            "workload": [point.workload for point in calibration.points],
            "injected": [f"{point.slowdown:.0%}" for point in calibration.points],
            "measured": [shown.get((point.workload, point.slowdown), "") for point in calibration.points],
            "gates": [point.gates for point in calibration.points],
            "slower": [f"{point.slower_share:.1%}" for point in calibration.points],
            "inconclusive": [f"{point.inconclusive_share:.1%}" for point in calibration.points],
        }
    )


def findings(calibration: Calibration) -> list[str]:
    """The error rates in sentences."""
    size = calibration.extent.pool
    said = []
    for slowdown in (0.0, *calibration.extent.slowdowns):
        own = [point for point in calibration.points if point.slowdown == slowdown]
        if not own:
            continue
        what = f"a true slowdown of {slowdown:.0%} is found" if slowdown else "an unchanged model is called slower"
        extreme = min if slowdown else max
        worst = extreme(own, key=lambda point: point.slower_share)
        said.append(
            f"{what} in {worst.slower} of {worst.gates} gates drawn from {size} processes "
            f"({worst.workload}, the worst; inconclusive {worst.inconclusive_share:.1%})."
        )
    if calibration.real:
        red = sum(bool(outcome.of(Verdict.SLOWER)) for outcome in calibration.real)
        unclear = sum(bool(outcome.of(Verdict.INCONCLUSIVE)) for outcome in calibration.real)
        longest = max(outcome.took_s for outcome in calibration.real)
        said.append(
            f"Of {len(calibration.real)} whole gates of the models against themselves {red} were red and {unclear} "
            f"inconclusive; the longest took {longest:.0f} s."
        )
    said += [f"not measured: {name}: {error}" for name, error in calibration.failures.items()]
    return [sentence[0].upper() + sentence[1:] for sentence in said]


def as_json(calibration: Calibration) -> dict[str, Any]:
    """Everything as JSON values."""
    return {
        "configuration": asdict(calibration.configuration),
        "policy": asdict(calibration.policy),
        "extent": asdict(calibration.extent),
        "environment": asdict(fingerprint()),
        "points": [_point_json(point) for point in calibration.points],
        "processes": [
            {"workload": one.workload, "slowdown": one.slowdown, "replicates": [asdict(r) for r in one.replicates]}
            for one in calibration.injected
        ],
        "real_gates": [outcome_json(outcome, exit_code(outcome, allow_unmatched=True)) for outcome in calibration.real],
        "failures": dict(calibration.failures),
        "findings": findings(calibration),
    }


def _point_json(point: OperatingPoint) -> dict[str, Any]:
    shares = {"slower_share": point.slower_share, "inconclusive_share": point.inconclusive_share}
    return {**asdict(point), **shares}


def write(calibration: Calibration, folder: Path) -> Sequence[Path]:
    """Write `calibration.json`, `calibration.md` and the figure; returns their paths."""
    document, text = folder / f"{STEM}.json", folder / f"{STEM}.md"
    document.write_text(json.dumps(as_json(calibration), indent=1, allow_nan=False) + "\n")
    cells = table(calibration)
    lines = [list(cells.columns), ["---"] * len(cells.columns), *cells.astype(str).to_numpy().tolist()]
    rows = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    text.write_text(rows + "\n" + "".join(f"- {sentence}\n" for sentence in findings(calibration)))
    return [document, text, *draw(calibration, folder / STEM)]


def draw(calibration: Calibration, stem: Path) -> Sequence[Path]:
    """Draw the share of gates that call a workload slower against its true slowdown; returns the files' paths."""
    rule = calibration.policy.rule
    with new_figure(5.6, 3.6) as figure:
        axes = figure.add_subplot()
        names = dict.fromkeys(one.workload for one in calibration.injected)
        for colour, name in zip(np.resize(SERIES, len(names)), names, strict=True):
            own = sorted((p for p in calibration.points if p.workload == name), key=lambda point: point.slowdown)
            slowdowns = [point.slowdown for point in own]
            axes.plot(slowdowns, [p.slower_share for p in own], "o-", color=str(colour), label=name, clip_on=False)
            axes.plot(slowdowns, [p.inconclusive_share for p in own], "x:", color=str(colour), clip_on=False)
        axes.axvline(np.expm1(rule.slower_than), color="black", linewidth=0.8, linestyle="--")
        axes.set_ylim(0, 1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("true slowdown (dashed: the gate's limit)")
        axes.set_ylabel("gates: slower (line), inconclusive (dotted)")
        axes.legend()
        return save(figure, stem)
