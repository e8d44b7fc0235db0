"""A gate's result as a table, a Markdown summary for a pull request, JSON, and files of all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from microbench.gate.decision import GateVerdict, StageResult, percent
from microbench.gate.figure import draw_slowdowns
from microbench.gate.result import Comparison, GateResult
from microbench.measure.environment import fingerprint
from microbench.measure.interval import Interval
from microbench.report.markdown import markdown_table

STEM = "gate"
_MARKS = {
    GateVerdict.PASS: "✅ pass",
    GateVerdict.SLOWER: "❌ **slower**",
    GateVerdict.INCONCLUSIVE: "❔ inconclusive",
    GateVerdict.NOT_COMPARED: "⚠️ not compared",
}
_CLOCKS = {"cpu_ns": "CPU time", "device_ns": "the device's clock", "wall_ns": "the wall clock"}


def table(result: GateResult) -> pd.DataFrame:
    """One line a workload, for people."""
    return pd.DataFrame([_cells(comparison) for comparison in result.comparisons])


def _cells(comparison: Comparison) -> dict[str, str]:
    stage = comparison.decision.reported if comparison.decision else None
    return {
        "workload": comparison.workload,
        "head over base": interval_text(stage.estimate.slowdown) if stage else "",
        "p": p_text(stage.p_adjusted) if stage else "",
        "verdict": comparison.verdict.value,
        "reason": comparison.reason.message,
        "wall clock": _wall_text(comparison.wall),
        "what differs": "; ".join(comparison.differences),
    }


def interval_text(slowdown: Interval) -> str:
    """A change with its 95% interval.

    >>> interval_text(Interval(0.05, 0.045, 0.055))
    '+5.1% (+4.6% to +5.7%)'
    """
    return f"{percent(slowdown.estimate)} ({percent(slowdown.low)} to {percent(slowdown.high)})"


def p_text(p: float) -> str:
    """A p-value with as many digits as matter.

    >>> p_text(0.03), p_text(2e-7)
    ('0.0300', '<0.0001')
    """
    return f"{p:.4f}" if p >= 1e-4 else "<0.0001"


def _wall_text(result: StageResult | None) -> str:
    if result is None:
        return ""
    words = {GateVerdict.SLOWER: "slower", GateVerdict.INCONCLUSIVE: "unclear"}
    return f"{percent(result.estimate.slowdown.estimate)}, {words.get(result.verdict, 'not slower')}"


def summary(result: GateResult) -> str:
    """The gate in one line: how many workloads got which verdict, how it was sampled, and how long it took."""
    counts = [f"{len(found)} {verdict.value}" for verdict in GateVerdict if (found := result.having(verdict))]
    kind = "blocks of four processes, ABBA," if result.plan.separate_processes else "processes"
    text = f"{', '.join(counts)}; {result.plan.sampling.processes} {kind} a stage"
    windows = [one.windows for own in result.comparisons for stage in own.stages.values() for one in stage]
    if windows:
        span = f"{min(windows)}" if min(windows) == max(windows) else f"{min(windows)} to {max(windows)}"
        text += f", {span} windows an arm in each"
    text += f"; {result.took_s:.0f} s"
    if result.pressure_share is not None:
        text += f"; pressure up to {result.pressure_share:.0%}"
    if result.from_ledger:
        text += "; decided from earlier measurements, --fresh measures again"
    return text + "."


def markdown(result: GateResult) -> str:
    """A comment for a pull request."""
    cells = [_cells(comparison) for comparison in result.comparisons]
    for comparison, own in zip(result.comparisons, cells, strict=True):
        own["verdict"] = _MARKS[comparison.verdict]
    c = result.plan.configuration
    return (
        f"### Latency gate: {headline(result)}\n\n"
        f"`{result.plan.head.label}` over `{result.plan.base.label}`, {c.runtime} {c.precision} on {c.device}\n\n"
        f"{markdown_table(list(cells[0]), [list(own.values()) for own in cells])}\n"
        f"{summary(result)} {fingerprint().cpu_model}, {fingerprint().cpu_cores} cores. {_clocks(result)}\n"
    )


def _clocks(result: GateResult) -> str:
    replicates = [one for own in result.comparisons for stage in own.stages.values() for one in stage]
    if not replicates:
        return ""
    return (
        f"Ratios by {_CLOCKS[replicates[0].clock]} with 95% intervals; p one-sided, adjusted for the number of "
        "workloads. The shortest windows by the wall clock are reported but do not decide."
    )


def headline(result: GateResult) -> str:
    """The worst of the verdicts in words."""
    for verdict, words in (
        (GateVerdict.SLOWER, "slower"),
        (GateVerdict.NOT_COMPARED, "not all could be compared"),
        (GateVerdict.INCONCLUSIVE, "inconclusive"),
    ):
        if found := result.having(verdict):
            return f"{words}: {', '.join(comparison.workload for comparison in found)}"
    return "no workload got slower"


def as_json(result: GateResult, code: int) -> dict[str, Any]:
    """Everything as JSON values; the replicates' differences are of logarithms, the stages' estimates ratios."""
    plan = result.plan
    return {
        "gate": result.name,
        "base": plan.base.label,
        "head": plan.head.label,
        "exit_code": code,
        "headline": headline(result),
        "configuration": asdict(plan.configuration),
        "policy": {"sampling": asdict(plan.sampling), "rule": asdict(plan.rule)},
        "design": "ABBA blocks of processes" if plan.separate_processes else "triples within processes",
        "took_s": round(result.took_s, 1),
        "pressure_share": result.pressure_share,
        "from_ledger": result.from_ledger,
        "environment": asdict(fingerprint()),
        "workloads": [_comparison_json(comparison) for comparison in result.comparisons],
    }


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    document: dict[str, Any] = {
        "workload": comparison.workload,
        "verdict": comparison.verdict.value,
        "reason_code": comparison.reason.code.value,
        "reason": comparison.reason.message,
        "differences": list(comparison.differences),
    }
    if comparison.decision is not None:
        document["first"] = _stage_json(comparison.decision.first)
        document["confirmation"] = _stage_json(comparison.decision.confirmation)
        document["wall_clock"] = _stage_json(comparison.wall)
        document["processes"] = {stage: [asdict(one) for one in own] for stage, own in comparison.stages.items()}
    return document


def _stage_json(result: StageResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {
        "verdict": result.verdict.value,
        "reason_code": result.reason.code.value,
        "reason": result.reason.message,
        "processes": result.estimate.processes,
        "ratio": _ratio_json(result.estimate.slowdown),
        "null_ratio": _ratio_json(result.estimate.null),
        "p": result.estimate.p,
        "p_adjusted": result.p_adjusted,
    }


def _ratio_json(interval: Interval) -> dict[str, float]:
    # A stage has six processes or more, so that no end is infinite.
    return {name: math.exp(value) for name, value in asdict(interval).items()}


def write(result: GateResult, code: int, folder: Path) -> Sequence[Path]:
    """Write `gate.json`, `gate.md`, and the figure if something was compared.

    Returns:
        Their paths.
    """
    document, text = folder / f"{STEM}.json", folder / f"{STEM}.md"
    document.write_text(json.dumps(as_json(result, code), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    text.write_text(markdown(result), encoding="utf-8")
    return [document, text, *draw_slowdowns(result, folder / STEM)]
