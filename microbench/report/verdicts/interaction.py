"""Principle 3 (section 3.3, Table 3): let paths interact by Bilateral-B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.added_latency import BASELINE, AddedLatency
from microbench.report.bootstrap import bootstrap_latencies_ms
from microbench.report.labels import configuration_label
from microbench.report.published import published
from microbench.report.verdicts.ranking import first_shares, most_accurate
from microbench.report.verdicts.verdict import Claim, Missing, Verdict, judged, together, unresampled

PRINCIPLE = "Let paths interact by Bilateral-B: resize and add, nothing else."

FAVOURITE = "bilateral_b"

_CHEAPEST = "Bilateral-B adds the least latency of the {count} interactions"
_MOST_ACCURATE = "Bilateral-B has the highest mIoU"


def judge_interaction(
    records: Sequence[Record], accuracies: Mapping[str, Accuracy], missing: Sequence[Missing] = ()
) -> Verdict:
    """Judge the interaction by what it adds to the latency and by mIoU, which are both needed.

    The network without any interaction is the fastest of all, so that latency alone says nothing of what an interaction
    is worth: as long as the networks are not trained, the verdict is open.

    Args:
        records: of Table 3, in one runtime and precision.
        accuracies: of its networks, by interaction.
        missing: what was not measured.
    """
    names = {str(row["interaction"]): str(row["name"]) for row in published("table3").to_dict("records")}
    by_configuration = [
        {str(r.axes["interaction"]): r for r in records if r.configuration == configuration and r.measurement}
        for configuration in dict.fromkeys(record.configuration for record in records)
    ]
    cheapest = [claim for rows in by_configuration if (claim := _cheapest(rows, names)) is not None]
    accurate = most_accurate(f"Table 3: {_MOST_ACCURATE}", FAVOURITE, accuracies, list(names), names)
    claims = (*cheapest, accurate)
    return Verdict(
        principle="interaction",
        text=PRINCIPLE,
        judgement=together(claims) if cheapest else "undecided",
        advice=_advice(by_configuration, accuracies if accurate.judgement != "undecided" else {}, names),
        reason=_reason(cheapest, accurate),
        claims=claims if cheapest else (),
        missing=tuple(missing),
    )


def _cheapest(rows: Mapping[str, Record], names: Mapping[str, str]) -> Claim | None:
    interactions = {name: row for name, row in rows.items() if name != BASELINE}
    if FAVOURITE not in interactions or len(interactions) < 2:
        return None
    records = tuple(interactions.values())
    target = configuration_label(records[0].configuration)
    text = f"Table 3, {target}: {_CHEAPEST.format(count=len(interactions))}"
    if (open_claim := unresampled(text, records)) is not None:
        return open_claim
    shares = dict(zip(interactions, first_shares(-bootstrap_latencies_ms(records)), strict=True))
    share = float(shares[FAVOURITE])
    baseline = rows.get(BASELINE)
    found = f"{_added_text(rows[FAVOURITE], baseline)}It is the fastest in {share:.0%} of resamples"
    rival = max((name for name in interactions if name != FAVOURITE), key=lambda name: shares[name])
    found += f", {names[rival]} in {shares[rival]:.0%}." if shares[rival] > 0 else "."
    return Claim(text, judged(share), share, found, (*([baseline] if baseline else []), *records))


def _added_text(record: Record, baseline: Record | None) -> str:
    added = AddedLatency.of(record, baseline) if baseline else None
    if added is None:
        return ""
    interval = f"{added.added_ms:+.2f} ms, 95% CI {added.low_ms:+.2f} to {added.high_ms:+.2f}"
    if added.low_ms <= 0 <= added.high_ms:
        return f"It adds nothing measurable to the network without one ({interval}). "
    return f"It adds to the network without one: {interval}. "


def _advice(
    by_configuration: Sequence[Mapping[str, Record]], accuracies: Mapping[str, Accuracy], names: Mapping[str, str]
) -> str | None:
    """The most accurate interaction where accuracies decide, else the fastest one."""
    if all(name in accuracies for name in names):
        best = max(accuracies, key=lambda name: accuracies[name].mean_iou)
        return names.get(best, best)
    latencies = {
        name: record.measurement.latency_ms
        for rows in by_configuration[:1]
        for name, record in rows.items()
        if name != BASELINE and record.measurement
    }
    if len(latencies) < 2:
        return None
    best = min(latencies, key=lambda name: latencies[name])
    return names.get(best, best)


def _reason(cheapest: Sequence[Claim], accurate: Claim) -> str:
    if not cheapest:
        return "Table 3 is not measured here."
    speed = {
        "holds": "Bilateral-B adds the least latency of all interactions",
        "fails": "Another interaction than Bilateral-B adds the least latency",
        "undecided": "Whether Bilateral-B adds the least latency is not certain from these rows",
    }[together(cheapest)]
    accuracy = {
        "holds": "and it has the highest mIoU",
        "fails": "and another one has the higher mIoU",
        "undecided": "but whether it is the most accurate is open",
    }[accurate.judgement]
    return f"{speed}, {accuracy}. {cheapest[0].found}"
