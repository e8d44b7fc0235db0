"""A gate's result as a table, in words, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pandas as pd

from microbench.gate.decision import GateVerdict, StageResult, percent
from microbench.gate.result import GateResult, WorkloadResult
from microbench.measure.environment import fingerprint
from microbench.measure.interval import Interval

_MOST_NAMES = 10
"""In the headline."""


def table(result: GateResult) -> pd.DataFrame:
    """One line a workload, for people."""
    return pd.DataFrame([cells_of(workload) for workload in result.workloads])


def cells_of(workload: WorkloadResult) -> dict[str, str]:
    """A workload's line, by column."""
    stage = workload.decision.reported if workload.decision else None
    return {
        "workload": workload.name,
        "head over base": interval_text(stage.estimate.slowdown) if stage else "",
        "p": p_text(stage.p_adjusted) if stage else "",
        "verdict": workload.verdict.value,
        "reason": workload.reason.message,
        "wall clock": _wall_text(workload.wall),
        "what differs": "; ".join(workload.differences),
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
    windows = [one.windows for own in result.workloads for stage in own.stages.values() for one in stage]
    if windows:
        span = f"{min(windows)}" if min(windows) == max(windows) else f"{min(windows)} to {max(windows)}"
        text += f", {span} windows an arm in each"
    text += f"; {result.took_s:.0f} s"
    if result.pressure_share is not None:
        text += f"; pressure up to {result.pressure_share:.0%}"
    if result.from_ledger:
        text += "; decided from earlier measurements, --fresh measures again"
    return text + "."


def headline(result: GateResult, show: Callable[[str], str] = str) -> str:
    """The worst of the verdicts in words, with the workloads' names as `show` gives them."""
    for verdict, words in (
        (GateVerdict.SLOWER, "slower"),
        (GateVerdict.NOT_COMPARED, "not all could be compared"),
        (GateVerdict.INCONCLUSIVE, "inconclusive"),
    ):
        if found := result.having(verdict):
            names = [show(workload.name) for workload in found[:_MOST_NAMES]]
            more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
            return f"{words}: {', '.join(names)}{more}"
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
        "workloads": [_workload_json(workload) for workload in result.workloads],
    }


def _workload_json(workload: WorkloadResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "workload": workload.name,
        "verdict": workload.verdict.value,
        "reason_code": workload.reason.code.value,
        "reason": workload.reason.message,
        "differences": list(workload.differences),
    }
    if workload.decision is not None:
        document["first"] = _stage_json(workload.decision.first)
        document["confirmation"] = _stage_json(workload.decision.confirmation)
        document["wall_clock"] = _stage_json(workload.wall)
        document["processes"] = {stage: [asdict(one) for one in own] for stage, own in workload.stages.items()}
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
