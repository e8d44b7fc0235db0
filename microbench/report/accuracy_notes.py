"""The notes under a table's mIoU column: how its networks were trained, and how far their order can be trusted."""

from __future__ import annotations

from collections.abc import Mapping

from microbench.report.accuracy import Accuracy, accuracy_sentence
from microbench.report.rank_stability import rank_stability, seeds_text
from microbench.report.verdicts.accuracy import claim_most_accurate


def accuracy_notes(accuracies: Mapping[str, Accuracy], first_in_paper: str) -> list[str]:
    """The notes under a table.

    Args:
        accuracies: by the row's name in the table.
        first_in_paper: the row that the paper puts first.
    """
    if not accuracies:
        return []
    notes = [accuracy_sentence(list(accuracies.values()))]
    if len(accuracies) < 2:
        return notes
    stability = rank_stability({name: [e.counts for e in found.evaluations] for name, found in accuracies.items()})
    ranked = sorted(zip(stability.places, stability.names, stability.shares_kept, strict=True))
    places = ", ".join(f"{place} {name} {100 * share:.0f}%" for place, name, share in ranked)
    notes.append(
        "places by mIoU, and the share of resamples in which each comes out again, over "
        f"{stability.images} test images and {seeds_text(stability.seeds)}: {places}"
    )
    if first_in_paper in accuracies:
        claim = claim_most_accurate("", first_in_paper, accuracies, list(accuracies), {"none": '"none"'})
        notes.append(f"{first_in_paper} has the highest mIoU: {claim.judgement}; {claim.reason.message}")
    return notes
