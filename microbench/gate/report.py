"""What the gate says: a table, a Markdown summary for a pull request, JSON, and files of all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from microbench.gate.conduct import Outcome, Row
from microbench.gate.figure import draw_deltas
from microbench.gate.judgement import Finding, Verdict, percent
from microbench.gate.statistics import Shift
from microbench.measure.environment import fingerprint

STEM = "gate"
_MARKS = {
    Verdict.PASS: "✅ pass",
    Verdict.SLOWER: "❌ **slower**",
    Verdict.INCONCLUSIVE: "❔ inconclusive",
    Verdict.NOT_COMPARED: "⚠️ not compared",
}
_CLOCKS = {"cpu_ns": "CPU time", "device_ns": "the device's clock", "wall_ns": "the wall clock"}


def table(outcome: Outcome) -> pd.DataFrame:
    """One line a workload, for people."""
    return pd.DataFrame([_cells(row) for row in outcome.rows])


def _cells(row: Row) -> dict[str, str]:
    shown = row.decision.shown if row.decision else None
    return {
        "workload": row.workload,
        "head over base": shift_text(shown.evidence.shift) if shown else "",
        "p": p_text(shown.p_adjusted) if shown else "",
        "verdict": row.verdict.value,
        "reason": row.reason,
        "wall clock": _wall_text(row.wall),
        "what differs": "; ".join(row.causes),
    }


def shift_text(shift: Shift) -> str:
    """The change with its 95% interval, e.g. "+5.0% (+4.6% to +5.5%)"."""
    return f"{percent(shift.centre)} ({percent(shift.low)} to {percent(shift.high)})"


def p_text(p: float) -> str:
    """A p-value as far as it matters."""
    return f"{p:.4f}" if p >= 1e-4 else "<0.0001"


def _wall_text(finding: Finding | None) -> str:
    if finding is None:
        return ""
    word = {Verdict.SLOWER: "slower", Verdict.INCONCLUSIVE: "unclear"}.get(finding.verdict, "not slower")
    return f"{percent(finding.evidence.shift.centre)}, {word}"


def summary(outcome: Outcome) -> str:
    """The gate in one line: what became of how many workloads, how it was sampled, and how long it took."""
    counts = [f"{len(rows)} {verdict.value}" for verdict in Verdict if (rows := outcome.of(verdict))]
    sampling = outcome.plan.policy.sampling
    kind = "blocks of four processes, ABBA," if outcome.plan.apart else "processes"
    compared = [row for row in outcome.rows if row.stages]
    text = f"{', '.join(counts)}; {sampling.processes} {kind} a stage"
    if compared:
        windows = [one.windows for row in compared for stage in row.stages.values() for one in stage]
        span = f"{min(windows)}" if min(windows) == max(windows) else f"{min(windows)} to {max(windows)}"
        text += f", {span} windows an arm in each"
    text += f"; {outcome.took_s:.0f} s"
    if outcome.pressure_share is not None:
        text += f"; pressure up to {outcome.pressure_share:.0%}"
    if outcome.recorded_before:
        text += "; judged from what was recorded before, --fresh measures anew"
    return text + "."


def markdown(outcome: Outcome) -> str:
    """A comment for a pull request."""
    cells = [list(_cells(row).values()) for row in outcome.rows]
    for row, own in zip(outcome.rows, cells, strict=True):
        own[3] = _MARKS[row.verdict]
    lines = [list(_cells(outcome.rows[0])), ["---"] * 7, *cells]
    c = outcome.plan.configuration
    return "\n".join(
        [
            f"### Latency gate: {headline(outcome)}",
            "",
            f"`{outcome.plan.head.label}` over `{outcome.plan.base.label}`, {c.runtime} {c.precision} on {c.device}",
            "",
            *("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines),
            "",
            f"{summary(outcome)} {fingerprint().cpu_model}, {fingerprint().cpu_cores} cores. {_clocks(outcome)}",
            "",
        ]
    )


def _clocks(outcome: Outcome) -> str:
    replicates = [one for row in outcome.rows for stage in row.stages.values() for one in stage]
    if not replicates:
        return ""
    return (
        f"Ratios by {_CLOCKS[replicates[0].clock]} with 95% intervals; p one-sided, adjusted for the number of "
        "workloads. The wall clock's shortest windows are told beside and do not decide."
    )


def headline(outcome: Outcome) -> str:
    """The worst of the verdicts in words."""
    for verdict, words in (
        (Verdict.SLOWER, "slower"),
        (Verdict.NOT_COMPARED, "not all could be compared"),
        (Verdict.INCONCLUSIVE, "inconclusive"),
    ):
        if rows := outcome.of(verdict):
            return f"{words}: {', '.join(row.workload for row in rows)}"
    return "no workload got slower"


def as_json(outcome: Outcome, code: int) -> dict[str, Any]:
    """Everything as JSON values; differences of logarithms as they are, ratios beside them."""
    plan = outcome.plan
    return {
        "gate": outcome.gate,
        "base": plan.base.label,
        "head": plan.head.label,
        "exit_code": code,
        "headline": headline(outcome),
        "configuration": asdict(plan.configuration),
        "policy": asdict(plan.policy),
        "design": "ABBA blocks of processes" if plan.apart else "triples within processes",
        "took_s": round(outcome.took_s, 1),
        "pressure_share": outcome.pressure_share,
        "recorded_before": outcome.recorded_before,
        "environment": asdict(fingerprint()),
        "workloads": [_row_json(row) for row in outcome.rows],
    }


def _row_json(row: Row) -> dict[str, Any]:
    document: dict[str, Any] = {
        "workload": row.workload,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "causes": list(row.causes),
    }
    if row.decision is not None:
        document["first"] = _finding_json(row.decision.first)
        document["confirmation"] = _finding_json(row.decision.confirmation)
        document["wall_clock"] = _finding_json(row.wall)
        document["processes"] = {stage: [asdict(one) for one in own] for stage, own in row.stages.items()}
    return document


def _finding_json(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    evidence = finding.evidence
    return {
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "processes": evidence.processes,
        "ratio": _ratio_json(evidence.shift),
        "null_ratio": _ratio_json(evidence.null),
        "p": evidence.p,
        "p_adjusted": finding.p_adjusted,
    }


def _ratio_json(shift: Shift) -> dict[str, float]:
    # A stage has six processes or more, so that no end is infinite.
    return {name: math.exp(value) for name, value in asdict(shift).items()}


def write(outcome: Outcome, code: int, folder: Path) -> Sequence[Path]:
    """Write `gate.json`, `gate.md`, and the figure, where something was compared.

    Returns:
        Their paths.
    """
    document, text = folder / f"{STEM}.json", folder / f"{STEM}.md"
    document.write_text(json.dumps(as_json(outcome, code), indent=1, allow_nan=False) + "\n")
    text.write_text(markdown(outcome))
    return [document, text, *draw_deltas(outcome, folder / STEM)]
