"""Claims about accuracy: whether one trained network has the highest mIoU of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microbench.report.accuracy import Accuracy
from microbench.report.miou_difference import miou_differences
from microbench.report.rank_stability import rank_stability
from microbench.report.verdicts.claim import Claim
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.rivals import Evidence, compare_with_rivals, deciding, judge_first

TIED_WITHIN_POINTS = 0.5
"""Two networks are called equally accurate if the whole 95% interval of their difference is within so many percentage
points of mIoU."""


def claim_most_accurate(
    text: str, favourite: str, accuracies: Mapping[str, Accuracy], needed: Sequence[str], names: Mapping[str, str]
) -> Claim:
    """The claim that a trained network has the highest mIoU; undecided until all are trained, and more than once.

    Args:
        text: what is claimed.
        favourite: the network that is claimed to be first.
        accuracies: of the networks that are trained.
        needed: all networks that the claim is about.
        names: how a reader knows them.
    """
    trained = [name for name in needed if name in accuracies]
    if len(trained) < len(needed):
        message = f"{len(trained)} of the {len(needed)} networks are trained here"
        reason = Reason(ReasonCode.NOT_TRAINED, message, {"trained": len(trained), "needed": len(needed)})
        return Claim(text, "undecided", reason)
    counts = {name: [evaluation.counts for evaluation in accuracies[name].evaluations] for name in needed}
    stability = rank_stability(counts)
    share = stability.shares_first[list(counts).index(favourite)]
    best = max(needed, key=lambda name: accuracies[name].mean_iou)
    found = f"{names.get(best, best)} has the highest mIoU found here, {accuracies[best].text}%"
    if best != favourite:
        found += f", and {names.get(favourite, favourite)} {accuracies[favourite].text}%"
    values: dict[str, str | float] = {"best": best, "favourite": favourite}
    if min(stability.seeds) < 2:
        message = f"{found}; one training each does not show how far trainings spread"
        return Claim(text, "undecided", Reason(ReasonCode.TRAINED_ONCE, message, values))
    comparisons = compare_with_rivals(
        {
            rival: Evidence(difference.interval, 0.0, -TIED_WITHIN_POINTS, TIED_WITHIN_POINTS, difference.p)
            for rival, difference in miou_differences(counts, favourite).items()
        }
    )
    judgement = judge_first(comparisons)
    one = deciding(comparisons, judgement)
    rival, points = names.get(one.rival, one.rival), one.advantage
    message = (
        f"{found}; {names.get(favourite, favourite)} is {points.estimate:+.1f} points from {rival} "
        f"(95% CI {points.low:+.1f} to {points.high:+.1f})"
    )
    code = {"holds": ReasonCode.AHEAD, "fails": ReasonCode.BEHIND, "tied": ReasonCode.TIED}
    values |= {"rival": one.rival, "points": points.estimate}
    return Claim(text, judgement, Reason(code.get(judgement, one.reason.code), message, values), share, comparisons)
