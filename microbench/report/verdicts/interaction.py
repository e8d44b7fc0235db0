"""Principle 3 (section 3.3, Table 3): let paths interact by Bilateral-B."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microbench.measure.record import Record
from microbench.measure.wording import interval_text
from microbench.report.accuracy import Accuracy
from microbench.report.added_latency import BASELINE, AddedLatency
from microbench.report.labels import configuration_label
from microbench.report.published import published
from microbench.report.verdicts.accuracy import claim_most_accurate
from microbench.report.verdicts.claim import Claim, judge_together
from microbench.report.verdicts.speed import claim_first, leader, share_first, standing
from microbench.report.verdicts.summary import not_measured, summary_reason
from microbench.report.verdicts.verdict import Advice, Candidate, Missing, Verdict

PRINCIPLE = "Let paths interact by Bilateral-B: resize and add, nothing else."

FAVOURITE = "bilateral_b"


def judge_interaction(
    records: Sequence[Record], accuracies: Mapping[str, Accuracy], missing: Sequence[Missing] = ()
) -> Verdict:
    """Judge the interaction by what it adds to the latency and by mIoU, which are both needed.

    The network without any interaction is the fastest of all, so that latency alone does not show what an interaction
    is worth: as long as the networks are not trained, the verdict is undecided.

    Args:
        records: of Table 3, in one runtime and precision.
        accuracies: of its networks, by interaction.
        missing: what was not measured.
    """
    names = {str(row["interaction"]): str(row["name"]) for row in published("table3").to_dict("records")}
    names[BASELINE] = f'"{BASELINE}"'  # the paper's "Baseline" says nothing beside the others' names
    by_configuration = [
        {str(r.axes["interaction"]): r for r in records if r.configuration == configuration and r.measurement}
        for configuration in dict.fromkeys(record.configuration for record in records)
    ]
    cheapest = [claim for rows in by_configuration if (claim := _cheapest(rows, names)) is not None]
    if not cheapest:
        return not_measured("interaction", PRINCIPLE, "Table 3 is not measured here", missing)
    accurate = claim_most_accurate(
        "Table 3: Bilateral-B has the highest mIoU", FAVOURITE, accuracies, list(names), names
    )
    rows = next(rows for rows in by_configuration if len(_interactions(rows)) > 1 and FAVOURITE in rows)
    return Verdict(
        principle="interaction",
        text=PRINCIPLE,
        judgement=judge_together([*cheapest, accurate]),
        advice=(_advice(rows, accurate, accuracies, names),),
        reason=summary_reason(cheapest, accurate),
        claims=(*cheapest, accurate),
        candidates=_candidates(rows, accuracies, names),
        missing=tuple(missing),
    )


def _interactions(rows: Mapping[str, Record]) -> dict[str, Record]:
    return {name: row for name, row in rows.items() if name != BASELINE}


def _cheapest(rows: Mapping[str, Record], names: Mapping[str, str]) -> Claim | None:
    interactions = _interactions(rows)
    if FAVOURITE not in interactions or len(interactions) < 2:
        return None
    target = configuration_label(interactions[FAVOURITE].configuration)
    text = f"Table 3, {target}: Bilateral-B adds the least latency of the {len(interactions)} interactions"
    return claim_first(text, FAVOURITE, interactions, names, "latency")


def _advice(
    rows: Mapping[str, Record], accurate: Claim, accuracies: Mapping[str, Accuracy], names: Mapping[str, str]
) -> Advice:
    """The most accurate interaction where that is decided, else the fastest one; beside it, what it costs over none."""
    interactions = _interactions(rows)
    best = leader(interactions, "latency")
    words, is_decided = standing(best, interactions, names, "latency")
    if accurate.judgement != "undecided":
        most = max(accuracies, key=lambda name: accuracies[name].mean_iou)
        claim = claim_most_accurate("", most, accuracies, list(names), names)
        if claim.judgement in ("holds", "tied"):
            words = f"most accurate here; {names[best]} is {words}" if most != best else f"most accurate, and {words}"
            return Advice(names[most], words, is_decided=True, share=claim.share, cost=_cost(rows, most))
    share = share_first(best, interactions, "latency")
    return Advice(names[best], words, is_decided, share, is_accuracy_open=True, cost=_cost(rows, best))


def _cost(rows: Mapping[str, Record], name: str) -> str | None:
    """What the interaction adds to the network without one."""
    if name == BASELINE or name not in rows or BASELINE not in rows:
        return None
    added = AddedLatency.of(rows[name], rows[BASELINE])
    if added is None:
        return None
    ms = added.added_ms
    return f"adds {ms.estimate:+.2f} ms to no interaction (95% CI {ms.low:+.2f} to {ms.high:+.2f})"


def _candidates(
    rows: Mapping[str, Record], accuracies: Mapping[str, Accuracy], names: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """The fastest interaction, the paper's, none, and the most accurate one found here."""
    chosen = [leader(_interactions(rows), "latency"), FAVOURITE, BASELINE]
    if accuracies:
        chosen.append(max(accuracies, key=lambda name: accuracies[name].mean_iou))
    return tuple(
        Candidate(
            names.get(name, name),
            f"{interval_text(rows[name].measurement)} ms" if name in rows else "",
            f"{accuracies[name].text}%" if name in accuracies else "",
        )
        for name in dict.fromkeys(chosen)
    )
