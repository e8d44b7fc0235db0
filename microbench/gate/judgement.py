"""The verdicts: pure functions of what the processes said."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microbench.gate.deltas import Replicate
from microbench.gate.policy import Rule
from microbench.gate.statistics import Shift, hodges_lehmann_interval, holm, signed_rank_p


class Verdict(enum.StrEnum):
    """What is said of a workload."""

    PASS = "pass"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True)
class Evidence:
    """What the replicates of one stage say of one workload, before any rule."""

    processes: int
    shift: Shift
    """Head over base, logarithms."""
    null: Shift
    """Base over itself."""
    p: float
    """One-sided, not adjusted."""


@dataclass(frozen=True)
class Finding:
    """A stage's verdict on a workload, and why."""

    verdict: Verdict
    reason: str
    evidence: Evidence
    p_adjusted: float


@dataclass(frozen=True)
class Decision:
    """The gate's verdict on a workload, from one stage or two."""

    verdict: Verdict
    reason: str
    first: Finding
    confirmation: Finding | None = None

    @property
    def shown(self) -> Finding:
        """The stage whose figures stand for the decision: the later one, which was not chosen for being slow."""
        return self.confirmation or self.first


def weigh(replicates: Sequence[Replicate]) -> Evidence:
    """The evidence of at least one replicate."""
    deltas = np.array([replicate.delta for replicate in replicates])
    nulls = np.array([replicate.null for replicate in replicates])
    return Evidence(len(deltas), hodges_lehmann_interval(deltas), hodges_lehmann_interval(nulls), signed_rank_p(deltas))


def judge(evidence: Mapping[str, Evidence], rule: Rule) -> dict[str, Finding]:
    """One stage's findings on workloads that are judged together."""
    adjusted = holm([one.p for one in evidence.values()])
    return {
        name: Finding(*_verdict(one, p, rule), one, p)
        for (name, one), p in zip(evidence.items(), adjusted, strict=True)
    }


def decide_all(
    first: Mapping[str, Evidence], confirm: Callable[[Sequence[str]], Mapping[str, Evidence]], rule: Rule
) -> dict[str, Decision]:
    """The whole gate, apart from where its evidence comes from.

    Args:
        first: the first stage's evidence by workload.
        confirm: called with the names of those that the first stage finds slower, if any; gives their evidence from
            fresh processes.
        rule: by which both stages are judged.
    """
    findings = judge(first, rule)
    suspected = [name for name, finding in findings.items() if finding.verdict is Verdict.SLOWER]
    confirmations = judge(confirm(suspected), rule) if suspected else {}
    return {name: decide(finding, confirmations.get(name)) for name, finding in findings.items()}


def decide(first: Finding, confirmation: Finding | None) -> Decision:
    """A workload's decision: slower only if both stages say so.

    Args:
        first: of the first stage.
        confirmation: of the second; None where the first found nothing slower.
    """
    if first.verdict is not Verdict.SLOWER:
        return Decision(first.verdict, first.reason, first)
    if confirmation is None:
        return Decision(Verdict.INCONCLUSIVE, f"{first.reason}, but not confirmed by fresh processes yet", first)
    if confirmation.verdict is Verdict.SLOWER:
        return Decision(Verdict.SLOWER, f"{confirmation.reason}, confirmed by fresh processes", first, confirmation)
    if confirmation.verdict is Verdict.PASS:
        reason = f"{percent(first.evidence.shift.centre)} at first, which fresh processes did not confirm"
        return Decision(Verdict.PASS, reason, first, confirmation)
    return Decision(confirmation.verdict, f"{confirmation.reason} when confirming", first, confirmation)


def percent(shift: float) -> str:
    """A difference of logarithms as the change that it is, e.g. "+5.0%"."""
    return "unbounded" if math.isinf(shift) else f"{math.expm1(shift):+.1%}"


def _verdict(evidence: Evidence, p_adjusted: float, rule: Rule) -> tuple[Verdict, str]:
    shift = evidence.shift
    if abs(evidence.null.centre) > rule.max_null_shift:
        limit = f"allowed are {rule.max_null_shift:.1%}"
        return Verdict.INCONCLUSIVE, f"the base differs from itself by {percent(evidence.null.centre)}, {limit}"
    if shift.half_width > rule.max_half_width:
        return (
            Verdict.INCONCLUSIVE,
            f"the interval is ±{shift.half_width:.1%} wide, allowed are {rule.max_half_width:.0%}",
        )
    if shift.centre > rule.slower_than and p_adjusted < rule.significance:
        return Verdict.SLOWER, f"{percent(shift.centre)}"
    if shift.centre > rule.slower_than:
        return Verdict.PASS, f"{percent(shift.centre)}, not significant"
    if shift.high < 0:
        return Verdict.PASS, "faster"
    if shift.low > 0:
        return Verdict.PASS, f"slower by less than {rule.slower_than:.1%}"
    return Verdict.PASS, "no difference found"
