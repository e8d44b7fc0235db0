"""Which of several rows comes first, in resamples of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.bootstrap import Values, bootstrap_latencies_ms
from microbench.report.rank_stability import rank_stability, seeds_text
from microbench.report.verdicts.verdict import Claim, judged, unresampled


def resampled_efficiencies(records: Sequence[Record]) -> Values:
    """MACs a millisecond in resamples, in millions, (rows, resamples).

    Args:
        records: each with a cost, and with enough generations; see `can_bootstrap`.
    """
    mmacs = np.array([record.cost.macs / 1e6 if record.cost else np.nan for record in records])
    return np.asarray(mmacs[:, None] / bootstrap_latencies_ms(records))


def first_shares(values: Values) -> Values:
    """The share of resamples in which each row of values (rows, resamples) is the largest; ties are shared."""
    first = values == values.max(axis=0)
    shares: Values = (first / first.sum(axis=0)).mean(axis=1)
    return shares


def most_efficient(text: str, favourite: str, rows: Mapping[str, Record], names: Mapping[str, str]) -> Claim:
    """The claim that one block's network does the most MACs a millisecond.

    Args:
        text: what is claimed.
        favourite: the row that is claimed to be first.
        rows: at least two, measured, by their name.
        names: how a reader knows them.
    """
    records = tuple(rows.values())
    if (open_claim := unresampled(text, records)) is not None:
        return open_claim
    shares = dict(zip(rows, first_shares(resampled_efficiencies(records)), strict=True))
    ranked = sorted(rows, key=lambda name: -(rows[name].efficiency_mmacs_per_ms or 0.0))
    best, second = ranked[:2]
    times = (rows[best].efficiency_mmacs_per_ms or 0.0) / (rows[second].efficiency_mmacs_per_ms or 1.0)
    share = float(shares[favourite])
    found = (
        f"{names.get(best, best)} is the most efficient of {len(rows)}, {times:.2f} times as efficient as "
        f"{names.get(second, second)}; {names.get(favourite, favourite)} is first in {share:.0%} of resamples."
    )
    return Claim(text, judged(share), share, found, records)


def most_accurate(
    text: str, favourite: str, accuracies: Mapping[str, Accuracy], needed: Sequence[str], names: Mapping[str, str]
) -> Claim:
    """The claim that a trained network has the highest mIoU; open until all are trained, and more than once.

    Args:
        text: what is claimed.
        favourite: the network that is claimed to be first.
        accuracies: of the networks that are trained.
        needed: all networks that the claim speaks of.
        names: how a reader knows them.
    """
    trained = [name for name in needed if name in accuracies]
    if len(trained) < len(needed):
        found = f"{len(trained)} of the {len(needed)} networks are trained here."
        return Claim(text, "undecided", None, found)
    counts = {name: [evaluation.counts for evaluation in accuracies[name].evaluations] for name in needed}
    stability = rank_stability(counts)
    share = stability.verdict(favourite).share_first
    best = needed[int(np.argmax(stability.mean_ious))]
    found = (
        f"{names.get(best, best)} has the highest mIoU, {accuracies[best].text}%, and "
        f"{names.get(favourite, favourite)} {accuracies[favourite].text}%; the latter is first in {share:.0%} of "
        f"resamples of {stability.images} images and {seeds_text(stability.seeds)}"
    )
    if not stability.is_decidable:
        return Claim(text, "undecided", None, f"{found}, which does not show how far trainings spread.")
    return Claim(text, judged(share), share, f"{found}.")
