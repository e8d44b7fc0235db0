"""Claims about speed: whether one row does the most MACs a millisecond of several, or takes the least time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report.bootstrap import Values, bootstrap_latencies_ms, can_bootstrap
from microbench.report.efficiency_ratio import efficiency_advantage
from microbench.report.latency_ratio import latency_ratio
from microbench.report.marginal import MarginalCost
from microbench.report.marginal import efficiency_advantage as efficiency_advantage_in_network
from microbench.report.verdicts.claim import Claim
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.rivals import (
    MIN_LOADS,
    TIED_WITHIN,
    Evidence,
    Judgement,
    RivalComparison,
    compare_with_rivals,
    deciding,
    judge_first,
    ratio_evidence,
)

Quantity = Literal["efficiency", "latency"]

_STANDING: dict[Quantity, tuple[str, str]] = {
    "efficiency": ("most efficient", "as efficient as"),
    "latency": ("fastest", "as fast as"),
}


def claim_first(
    text: str, favourite: str, rows: Mapping[str, Record], names: Mapping[str, str], quantity: Quantity
) -> Claim:
    """The claim that one row is ahead of all others.

    Args:
        text: what is claimed.
        favourite: the row that is claimed to be first.
        rows: at least two, measured, by their name; with MACs if efficiencies are compared.
        names: how a reader knows them.
        quantity: MACs a millisecond, of which more is better, or latency, of which less is.
    """
    evidence = {rival: _evidence(rows[favourite], row, quantity) for rival, row in rows.items() if rival != favourite}
    share = share_first(favourite, rows, quantity)
    return _claim(text, favourite, evidence, names, quantity, share, tuple(rows.values()))


def claim_first_in_network(
    text: str, favourite: str, costs: Mapping[str, MarginalCost], names: Mapping[str, str]
) -> Claim | None:
    """The claim that one more block of the favourite does the most MACs a millisecond inside a network.

    Args:
        text: what is claimed.
        favourite: the block that is claimed to be first.
        costs: at least two, by their block.
        names: how a reader knows them.

    Returns:
        The claim; None where a block's marginal cost is not surely above 0, as its efficiency is then unknown.
    """
    found = {rival: efficiency_advantage_in_network(costs[favourite], cost) for rival, cost in costs.items()}
    advantages = {rival: advantage for rival, advantage in found.items() if advantage is not None}
    if len(advantages) < len(costs):
        return None
    evidence = {rival: ratio_evidence(one) for rival, one in advantages.items() if rival != favourite}
    efficiencies = np.array([(cost.macs or np.nan) / cost.resampled_ms for cost in costs.values()])
    share = float(first_shares(efficiencies)[list(costs).index(favourite)])
    rows = tuple(row for cost in costs.values() for row in cost.rows)
    return _claim(text, favourite, evidence, names, "efficiency", share, rows)


def _claim(
    text: str,
    favourite: str,
    evidence: Mapping[str, Evidence],
    names: Mapping[str, str],
    quantity: Quantity,
    share: float | None,
    rows: tuple[Record, ...],
) -> Claim:
    comparisons = compare_with_rivals(evidence)
    judgement = judge_first(comparisons)
    reason = _reason(favourite, deciding(comparisons, judgement), judgement, names, quantity)
    return Claim(text, judgement, reason, share, comparisons, rows)


def leader(rows: Mapping[str, Record], quantity: Quantity) -> str:
    """The name of the row with the best estimate, whether or not that is more than chance."""
    if quantity == "efficiency":
        return max(rows, key=lambda name: rows[name].efficiency_mmacs_per_ms or 0.0)
    return min(rows, key=lambda name: _latency_ms(rows[name]))


def standing(name: str, rows: Mapping[str, Record], names: Mapping[str, str], quantity: Quantity) -> tuple[str, bool]:
    """How a row compares with all others in words, and whether intervals decide it.

    Returns:
        E.g. ("fastest of the 6 here", True), ("as fast as Direct-A here", True), or ("fastest of the 6 so far, not
        decided", False).
    """
    claim = claim_first("", name, rows, names, quantity)
    best, equal = _STANDING[quantity]
    if claim.judgement == "holds":
        return f"{best} of the {len(rows)} here", True
    if claim.judgement == "tied":
        others = [names.get(one.rival, one.rival) for one in claim.comparisons if one.outcome == "tied"]
        return f"{equal} {' and '.join(others)} here", True
    return f"{best} of the {len(rows)} so far, not decided", False


def share_first(favourite: str, rows: Mapping[str, Record], quantity: Quantity) -> float | None:
    """The share of resamples in which the row is first; None where a row has too few loads to be resampled."""
    records = list(rows.values())
    if not all(is_resampled(record) for record in records):
        return None
    values = -bootstrap_latencies_ms(records) if quantity == "latency" else _efficiencies(records)
    return float(first_shares(values)[list(rows).index(favourite)])


def is_resampled(record: Record) -> bool:
    """Whether the record has enough loads for a share of resamples to mean anything."""
    return can_bootstrap(record) and record.measurement is not None and record.measurement.loads >= MIN_LOADS


def first_shares(values: Values) -> Values:
    """The share of resamples in which each row of values (rows, resamples) is the largest; ties are shared.

    >>> first_shares(np.array([[1.0, 3.0], [2.0, 3.0]]))
    array([0.25, 0.75])
    """
    first = values == values.max(axis=0)
    shares: Values = (first / first.sum(axis=0)).mean(axis=1)
    return shares


def _efficiencies(records: Sequence[Record]) -> Values:
    mmacs = np.array([record.cost.macs / 1e6 if record.cost else np.nan for record in records])
    return np.asarray(mmacs[:, None] / bootstrap_latencies_ms(records))


def _latency_ms(record: Record) -> float:
    return record.measurement.latency_ms if record.measurement else np.inf


def _evidence(favourite: Record, rival: Record, quantity: Quantity) -> Evidence:
    if quantity == "efficiency":
        return ratio_evidence(efficiency_advantage(favourite, rival))
    return ratio_evidence(latency_ratio(rival, favourite))


def _reason(
    favourite: str, one: RivalComparison, judgement: Judgement, names: Mapping[str, str], quantity: Quantity
) -> Reason:
    own, rival = names.get(favourite, favourite), names.get(one.rival, one.rival)
    values: dict[str, str | float] = {"favourite": favourite, "rival": one.rival, "ratio": one.advantage.estimate}
    if judgement == "tied":
        verb = "do the same MACs a millisecond" if quantity == "efficiency" else "take the same time"
        return Reason(ReasonCode.TIED, f"{own} and {rival} {verb} within {TIED_WITHIN:.0%}", values)
    if judgement == "fails":
        ahead = one.advantage
        inverse = Interval(1 / ahead.estimate, 1 / ahead.high, 1 / ahead.low)
        sentence = _sentence(rival, own, inverse, quantity)
        return Reason(ReasonCode.BEHIND, sentence, values)
    sentence = _sentence(own, rival, one.advantage, quantity)
    if judgement == "holds":
        return Reason(ReasonCode.AHEAD, sentence, values)
    if one.reason.code is ReasonCode.NOT_SEPARATED:
        return Reason(one.reason.code, f"{sentence}: too close to tell which is ahead", {**values, **one.reason.values})
    return Reason(one.reason.code, f"{own} and {rival}: {one.reason.message}", {**values, **one.reason.values})


def _sentence(ahead: str, other: str, advantage: Interval, quantity: Quantity) -> str:
    """The advantage of one over the other in words, with its interval.

    >>> _sentence("3x3 Conv", "Ghost", Interval(2.0, 1.9, 2.1), "efficiency")
    '3x3 Conv does 2.00 times the MACs a millisecond of Ghost (95% CI 1.90 to 2.10)'
    """
    interval = f"(95% CI {advantage.low:.2f} to {advantage.high:.2f})"
    if quantity == "efficiency":
        return f"{ahead} does {advantage.estimate:.2f} times the MACs a millisecond of {other} {interval}"
    return f"{other} takes {advantage.estimate:.2f} times as long as {ahead} {interval}"
