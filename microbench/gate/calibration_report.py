"""A calibration as a table, in sentences, in Markdown and JSON, and as a figure."""

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
from microbench.gate.decision import GateVerdict, estimate_stage
from microbench.gate.drawn_gates import DetectionRate
from microbench.gate.exits import exit_code
from microbench.gate.report import as_json as result_json
from microbench.gate.report import interval_text
from microbench.gate.report_files import reporting_refusals
from microbench.measure.environment import fingerprint
from microbench.report.figures.style import SERIES, new_figure, save
from microbench.report.markdown import markdown_table

STEM = "calibration"


def table(calibration: Calibration) -> pd.DataFrame:
    """One line for each workload and slowdown."""
    measured = {
        (one.workload, one.slowdown): interval_text(estimate_stage(one.replicates).slowdown)
        for one in calibration.injected
    }
    return pd.DataFrame(
        {
            "workload": [rate.workload for rate in calibration.rates],
            "injected": [f"{rate.slowdown:.0%}" for rate in calibration.rates],
            "measured": [measured.get((rate.workload, rate.slowdown), "") for rate in calibration.rates],
            "gates": [rate.gates for rate in calibration.rates],
            "slower": [f"{rate.slower_share:.1%}" for rate in calibration.rates],
            "inconclusive": [f"{rate.inconclusive_share:.1%}" for rate in calibration.rates],
        }
    )


def findings(calibration: Calibration) -> list[str]:
    """The error rates in sentences; of several workloads the worst one's."""
    size = calibration.size.pool
    sentences = []
    for slowdown in (0.0, *calibration.size.slowdowns):
        own = [rate for rate in calibration.rates if rate.slowdown == slowdown]
        if not own:
            continue
        what = f"A true slowdown of {slowdown:.0%} is found" if slowdown else "An unchanged model is called slower"
        extreme = min if slowdown else max
        worst = extreme(own, key=lambda rate: rate.slower_share)
        sentences.append(
            f"{what} in {worst.slower} of {worst.gates} gates drawn from {size} processes "
            f"({worst.workload}, the worst; inconclusive {worst.inconclusive_share:.1%})."
        )
    if calibration.real:
        red = sum(bool(result.having(GateVerdict.SLOWER)) for result in calibration.real)
        unclear = sum(bool(result.having(GateVerdict.INCONCLUSIVE)) for result in calibration.real)
        longest = max(result.took_s for result in calibration.real)
        sentences.append(
            f"Of {len(calibration.real)} whole gates of the models against themselves {red} were red and {unclear} "
            f"inconclusive; the longest took {longest:.0f} s."
        )
    return sentences + [f"Not measured: {name}: {error}" for name, error in calibration.failures.items()]


def as_json(calibration: Calibration) -> dict[str, Any]:
    """Everything as JSON values."""
    return {
        "configuration": asdict(calibration.configuration),
        "policy": {"sampling": asdict(calibration.sampling), "rule": asdict(calibration.rule)},
        "extent": asdict(calibration.size),
        "environment": asdict(fingerprint()),
        "points": [_rate_json(rate) for rate in calibration.rates],
        "processes": [
            {"workload": one.workload, "slowdown": one.slowdown, "replicates": [asdict(r) for r in one.replicates]}
            for one in calibration.injected
        ],
        "real_gates": [result_json(result, exit_code(result, allow_unmatched=True)) for result in calibration.real],
        "failures": dict(calibration.failures),
        "findings": findings(calibration),
    }


def _rate_json(rate: DetectionRate) -> dict[str, Any]:
    shares = {"slower_share": rate.slower_share, "inconclusive_share": rate.inconclusive_share}
    return {**asdict(rate), **shares}


def write(calibration: Calibration, folder: Path) -> Sequence[Path]:
    """Write `calibration.json`, `calibration.md` and the figure; returns their paths."""
    document, text = folder / f"{STEM}.json", folder / f"{STEM}.md"
    cells = table(calibration)
    rows = markdown_table(list(cells.columns), cells.to_numpy().tolist())
    with reporting_refusals(folder):
        document.write_text(json.dumps(as_json(calibration), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        text.write_text(rows + "\n" + "".join(f"- {line}\n" for line in findings(calibration)), encoding="utf-8")
        return [document, text, *draw(calibration, folder / STEM)]


def draw(calibration: Calibration, stem: Path) -> Sequence[Path]:
    """Draw the share of gates that call a workload slower against its true slowdown; returns the files' paths."""
    with new_figure(5.6, 3.6) as figure:
        axes = figure.add_subplot()
        names = dict.fromkeys(one.workload for one in calibration.injected)
        for colour, name in zip(np.resize(SERIES, len(names)), names, strict=True):
            own = sorted((r for r in calibration.rates if r.workload == name), key=lambda rate: rate.slowdown)
            slowdowns = [rate.slowdown for rate in own]
            label = name.replace("$", r"\$")  # a name is no formula
            axes.plot(slowdowns, [r.slower_share for r in own], "o-", color=str(colour), label=label, clip_on=False)
            axes.plot(slowdowns, [r.inconclusive_share for r in own], "x:", color=str(colour), clip_on=False)
        axes.axvline(np.expm1(calibration.rule.slower_than), color="black", linewidth=0.8, linestyle="--")
        axes.set_ylim(0, 1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlabel("true slowdown (dashed: the gate's limit)")
        axes.set_ylabel("gates: slower (line), inconclusive (dotted)")
        axes.legend()
        return save(figure, stem)
