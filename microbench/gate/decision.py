"""The gate's decisions: pure functions of the replicates."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microbench.gate.decision_rule import DecisionRule
from microbench.gate.reason import Reason, ReasonCode
from microbench.gate.replicate import Replicate
from microbench.gate.statistics import hodges_lehmann_interval, signed_rank_p
from microbench.measure.interval import Interval
from microbench.measure.significance import holm


class GateVerdict(enum.StrEnum):
    """How a workload ends."""

    PASS = "pass"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True)
class StageEstimate:
    """One workload's estimates from the replicates of one stage, before any rule."""

    processes: int
    slowdown: Interval
    """Head over base, a difference of logarithms."""
    null: Interval
    """Base over itself."""
    p: float
    """One-sided, not adjusted."""


@dataclass(frozen=True)
class StageResult:
    """One workload's verdict in one stage."""

    verdict: GateVerdict
    reason: Reason
    estimate: StageEstimate
    p_adjusted: float


@dataclass(frozen=True)
class Decision:
    """One workload's final verdict, from one stage or two."""

    verdict: GateVerdict
    reason: Reason
    first: StageResult
    confirmation: StageResult | None = None

    @property
    def reported(self) -> StageResult:
        """The stage whose figures are reported: the second if there is one, as it was not selected for being slow."""
        return self.confirmation or self.first


def estimate_stage(replicates: Sequence[Replicate]) -> StageEstimate:
    """The estimates from at least one replicate."""
    deltas = np.array([replicate.delta for replicate in replicates])
    nulls = np.array([replicate.null for replicate in replicates])
    return StageEstimate(
        len(deltas), hodges_lehmann_interval(deltas), hodges_lehmann_interval(nulls), signed_rank_p(deltas)
    )


def judge_stage(estimates: Mapping[str, StageEstimate], rule: DecisionRule) -> dict[str, StageResult]:
    """One stage's results; p-values are adjusted for all the workloads that are passed together."""
    adjusted = holm([estimate.p for estimate in estimates.values()])
    return {
        name: StageResult(*_verdict(estimate, p, rule), estimate, p)
        for (name, estimate), p in zip(estimates.items(), adjusted, strict=True)
    }


def decide(
    first: Mapping[str, StageEstimate],
    confirm: Callable[[Sequence[str]], Mapping[str, StageEstimate]] | None,
    rule: DecisionRule,
) -> dict[str, Decision]:
    """Both stages of the gate, wherever their estimates come from.

    Args:
        first: the first stage's estimates by workload.
        confirm: called with the names of those that the first stage finds slower, if any; returns their estimates from
            fresh processes. None if the first stage alone decides.
        rule: by which both stages are judged.
    """
    results = judge_stage(first, rule)
    if confirm is None:
        return {name: Decision(result.verdict, result.reason, result) for name, result in results.items()}
    suspected = [name for name, result in results.items() if result.verdict is GateVerdict.SLOWER]
    confirmations = judge_stage(confirm(suspected), rule) if suspected else {}
    return {name: combine_stages(result, confirmations.get(name)) for name, result in results.items()}


def combine_stages(first: StageResult, confirmation: StageResult | None) -> Decision:
    """A workload's decision: slower only if both stages find it slower.

    Args:
        first: of the first stage.
        confirmation: of the second; None if the first did not find the workload slower.
    """
    if first.verdict is not GateVerdict.SLOWER:
        return Decision(first.verdict, first.reason, first)
    if confirmation is None:
        message = f"{first.reason.message}, but fresh processes have not confirmed it yet"
        return Decision(GateVerdict.INCONCLUSIVE, Reason(ReasonCode.CONFIRMATION_MISSING, message), first)
    if confirmation.verdict is GateVerdict.SLOWER:
        reason = Reason(ReasonCode.CONFIRMED, f"{confirmation.reason.message}, confirmed by fresh processes")
    elif confirmation.verdict is GateVerdict.PASS:
        shift = percent(first.estimate.slowdown.estimate)
        reason = Reason(ReasonCode.NOT_CONFIRMED, f"{shift} at first, which fresh processes did not confirm")
    else:
        reason = Reason(confirmation.reason.code, f"{confirmation.reason.message}, in the confirmation")
    return Decision(confirmation.verdict, reason, first, confirmation)


def percent(shift: float) -> str:
    """A difference of logarithms as a change in percent.

    >>> percent(math.log(1.05)), percent(math.log(0.5))
    ('+5.0%', '-50.0%')
    """
    return "unbounded" if math.isinf(shift) else f"{math.expm1(shift):+.1%}"


def _share(limit: float) -> str:
    """A limit, as a difference of logarithms, in percent.

    >>> _share(0.015), _share(0.02)
    ('1.5%', '2%')
    """
    return f"{round(math.expm1(limit) * 100, 1):g}%"


def _verdict(estimate: StageEstimate, p_adjusted: float, rule: DecisionRule) -> tuple[GateVerdict, Reason]:
    slowdown, null = estimate.slowdown, estimate.null

    significant = p_adjusted < rule.significance

    # Slower whatever the noise: beyond the limit even at the interval's end, less what the base differs from itself
    if significant and slowdown.low - abs(null.estimate) > rule.slower_than:
        return GateVerdict.SLOWER, Reason(ReasonCode.ABOVE_LIMIT, percent(slowdown.estimate))

    # Too noisy to decide
    if abs(null.estimate) > rule.max_null_shift:
        message = (
            f"the base differs from itself by {percent(null.estimate)}; at most {_share(rule.max_null_shift)} allowed"
        )
        return GateVerdict.INCONCLUSIVE, Reason(ReasonCode.NULL_SHIFT, message)
    if slowdown.half_width > rule.max_half_width and slowdown.high >= 0:
        message = f"the interval is ±{slowdown.half_width:.1%} wide; at most ±{_share(rule.max_half_width)} allowed"
        return GateVerdict.INCONCLUSIVE, Reason(ReasonCode.WIDE_INTERVAL, message)

    # Slower
    if significant and slowdown.estimate > rule.slower_than:
        return GateVerdict.SLOWER, Reason(ReasonCode.ABOVE_LIMIT, percent(slowdown.estimate))

    # Pass
    if slowdown.estimate > rule.slower_than:
        reason = Reason(ReasonCode.NOT_SIGNIFICANT, f"{percent(slowdown.estimate)}, not significant")
    elif slowdown.high < 0:
        reason = Reason(ReasonCode.FASTER, "faster")
    elif slowdown.low > 0:
        reason = Reason(ReasonCode.WITHIN_LIMIT, f"slower by less than {_share(rule.slower_than)}")
    else:
        reason = Reason(ReasonCode.NO_DIFFERENCE, "no difference found")
    return GateVerdict.PASS, reason
