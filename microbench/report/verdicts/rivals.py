"""Whether a favourite is ahead of its rivals: the one rule by which every claim of a ranking is decided.

Less evidence never gives more certainty: what is not decided by an interval stays undecided. The error rates of the
rule, over loads, noise, numbers of rivals and true differences, are in results/studies/verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from microbench.measure.interval import Interval
from microbench.measure.significance import holm
from microbench.report.latency_ratio import LatencyRatio
from microbench.report.verdicts.reason import Reason, ReasonCode

Judgement = Literal["holds", "fails", "tied", "undecided"]
Outcome = Literal["ahead", "behind", "tied", "undecided"]

SIGNIFICANCE = 0.05
"""The probability, at most, that any of the rivals is wrongly called ahead or behind."""

MIN_LOADS = 6
"""With fewer loads of a model, a comparison is undecided."""

MAX_HALF_WIDTH = 0.10
"""A comparison whose 95% interval is wider than this to each side, as a share of the ratio, is undecided."""

TIED_WITHIN = 0.01
"""Two latencies or efficiencies are called equal if the whole 95% interval of their ratio is within 1% of one."""


@dataclass(frozen=True)
class Evidence:
    """What is known of the favourite compared with one rival."""

    advantage: Interval
    """Above `neutral` the favourite is ahead."""
    neutral: float
    tied_from: float
    tied_to: float
    p: float
    """Two-sided, that both are equal."""
    problem: Reason | None = None
    """Why this comparison decides nothing; None if it may decide."""


@dataclass(frozen=True)
class RivalComparison:
    """The favourite compared with one rival, decided."""

    rival: str
    advantage: Interval
    """Of the favourite over the rival: a ratio, or a difference of mIoU in percentage points."""
    p_adjusted: float
    """By Holm's method over all rivals."""
    outcome: Outcome
    """Where the favourite is: ahead of the rival, behind it, tied with it."""
    reason: Reason

    def as_json(self) -> dict[str, Any]:
        """As JSON values; an unbounded interval has no numbers."""
        is_known = self.advantage.high < float("inf")
        return {
            "rival": self.rival,
            "advantage": self.advantage.estimate,
            "low": self.advantage.low if is_known else None,
            "high": self.advantage.high if is_known else None,
            "p_adjusted": self.p_adjusted,
            "outcome": self.outcome,
            "reason": self.reason.as_json(),
        }


def ratio_evidence(ratio: LatencyRatio) -> Evidence:
    """A ratio as evidence, under the limits of loads and noise; above 1 the favourite is ahead."""
    problem = None
    if ratio.loads < MIN_LOADS:
        message = f"they have {ratio.loads} loads in common, and {MIN_LOADS} are needed"
        problem = Reason(ReasonCode.TOO_FEW_LOADS, message, {"loads": ratio.loads, "needed": MIN_LOADS})
    elif ratio.interval.half_width_share > MAX_HALF_WIDTH:
        width = ratio.interval.half_width_share
        message = f"their ratio is known to ±{width:.0%}, and ±{MAX_HALF_WIDTH:.0%} is the most that decides"
        problem = Reason(ReasonCode.TOO_NOISY, message, {"half_width": width, "limit": MAX_HALF_WIDTH})
    return Evidence(ratio.interval, 1.0, 1 / (1 + TIED_WITHIN), 1 + TIED_WITHIN, ratio.p, problem)


def compare_with_rivals(evidence: Mapping[str, Evidence], *, family: int = 0) -> tuple[RivalComparison, ...]:
    """Decide each comparison, with Holm's adjustment over all of them.

    Args:
        evidence: by the rival's name.
        family: how many comparisons there might have been, where only some were made; else their number.
    """
    not_made = max(0, family - len(evidence))
    adjusted = holm([*(1.0 if one.problem else one.p for one in evidence.values()), *[1.0] * not_made])
    return tuple(_decide(rival, one, p) for (rival, one), p in zip(evidence.items(), adjusted, strict=False))


def _decide(rival: str, evidence: Evidence, p: float) -> RivalComparison:
    interval = evidence.advantage
    outcome: Outcome = "undecided"
    if evidence.problem is not None:
        reason = evidence.problem
    elif evidence.tied_from <= interval.low and interval.high <= evidence.tied_to:
        outcome = "tied"
        reason = Reason(ReasonCode.TIED, "the whole interval is within the margin of equality")
    elif p < SIGNIFICANCE and interval.low > evidence.neutral:
        outcome = "ahead"
        reason = Reason(ReasonCode.AHEAD, f"ahead, p = {p:.2g}", {"p_adjusted": p})
    elif p < SIGNIFICANCE and interval.high < evidence.neutral:
        outcome = "behind"
        reason = Reason(ReasonCode.BEHIND, f"behind, p = {p:.2g}", {"p_adjusted": p})
    else:
        reason = Reason(ReasonCode.NOT_SEPARATED, f"the interval allows both orders, p = {p:.2g}", {"p_adjusted": p})
    return RivalComparison(rival, interval, p, outcome, reason)


def judge_first(comparisons: Sequence[RivalComparison]) -> Judgement:
    """Whether the favourite is first: ahead of all (holds), behind one (fails), behind none and equal to some (tied).

    >>> judge_first([])
    'undecided'
    """
    outcomes = {one.outcome for one in comparisons}
    if "behind" in outcomes:
        return "fails"
    if not outcomes or "undecided" in outcomes:
        return "undecided"
    return "tied" if "tied" in outcomes else "holds"


def deciding(comparisons: Sequence[RivalComparison], judgement: Judgement) -> RivalComparison:
    """The comparison that decides the judgement: with the closest rival, or with the one that is furthest ahead.

    Raises:
        ValueError: there are no comparisons.
    """
    if judgement == "undecided":
        # What stops a decision for all comes before what stops it for one.
        order = (ReasonCode.TOO_FEW_LOADS, ReasonCode.TOO_NOISY, ReasonCode.NOT_SEPARATED)
        open_ones = [one for one in comparisons if one.outcome == "undecided"]
        return min(open_ones, key=lambda one: (order.index(one.reason.code), one.advantage.estimate))
    wanted: Outcome = {"holds": "ahead", "fails": "behind", "tied": "tied"}[judgement]  # type: ignore[assignment]
    return min((one for one in comparisons if one.outcome == wanted), key=lambda one: one.advantage.estimate)
