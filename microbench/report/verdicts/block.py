"""Principle 1 (section 3.2, Figure 4, Table 2): build with the standard 3x3 convolution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from microbench.measure.record import Record
from microbench.measure.timing import HOT
from microbench.measure.wording import significant
from microbench.report.accuracy import Accuracy
from microbench.report.labels import configuration_label
from microbench.report.marginal import marginal_costs
from microbench.report.published import published
from microbench.report.verdicts.accuracy import claim_most_accurate
from microbench.report.verdicts.claim import Claim, judge_together
from microbench.report.verdicts.speed import claim_first, claim_first_in_network, leader, share_first, standing
from microbench.report.verdicts.summary import not_measured, summary_reason
from microbench.report.verdicts.verdict import Advice, Candidate, Missing, Verdict

PRINCIPLE = "Build with the standard 3×3 convolution."

FAVOURITE = "conv3x3"

CONV, SEPCONV = "conv3x3:bare", "sepconv3x3:bare"
"""The blocks of Figure 4."""


def judge_block(
    figure4: Sequence[Record],
    modes: Mapping[str, Mapping[str, Record]],
    accuracies: Mapping[str, Accuracy],
    missing: Sequence[Missing] = (),
) -> Verdict:
    """Judge the block type by MACs a millisecond and by mIoU, which are both needed.

    Args:
        figure4: its records in one runtime and precision; those with cold caches do not count where there are others.
        modes: of Table 2, in the same: records by block, for each mode ("equal latency", "paper's widths").
        accuracies: of Table 2's networks of the paper's widths, by block.
        missing: what was not measured.
    """
    names = block_names()
    figure4 = [record for record in figure4 if record.configuration.cache == HOT] or figure4
    speed = _figure4_claims(figure4, names)
    tables = {mode: {b: r for b, r in rows.items() if r.measurement and r.cost} for mode, rows in modes.items()}
    for mode, rows in tables.items():
        if FAVOURITE in rows and len(rows) > 1:
            text = f"Table 2, {mode}: 3×3 Conv does the most MACs a millisecond of {len(rows)} blocks"
            speed.append(claim_first(text, FAVOURITE, rows, names, "efficiency"))
    if not speed:
        return not_measured("block", PRINCIPLE, "neither Figure 4 nor Table 2 is measured here", missing)
    text = "Table 2, paper's widths: 3×3 Conv has the highest mIoU"
    accurate = claim_most_accurate(text, FAVOURITE, accuracies, list(names), names)
    compared = _compared(figure4, tables)
    return Verdict(
        principle="block",
        text=PRINCIPLE,
        judgement=judge_together([*speed, accurate]),
        advice=(_advice(compared, accurate, names),),
        reason=summary_reason(speed, accurate),
        claims=(*speed, accurate),
        candidates=_candidates(compared, accuracies, names),
        missing=tuple(missing),
    )


def block_names() -> dict[str, str]:
    """Blocks as the paper's Table 2 calls them."""
    return {str(row["block"]): str(row["name"]) for row in published("table2").to_dict("records")}


def _figure4_claims(records: Sequence[Record], names: Mapping[str, str]) -> list[Claim]:
    """One for each configuration in which both blocks were measured: inside a network, where chains were timed.

    A graph of one block pays for the conversion of its input and output, which a network pays for once: where both are
    known, what one more block costs decides, and the paper's protocol is shown in Figure 4 beside it.
    """
    bare = {block: names[block.split(":")[0]] for block in (CONV, SEPCONV)}
    claims = []
    for configuration in dict.fromkeys(record.configuration for record in records):
        own = [record for record in records if record.configuration == configuration]
        label = configuration_label(configuration)
        costs = {str(cost.axes["block"]): cost for cost in marginal_costs(own)}
        claim = None
        if CONV in costs and SEPCONV in costs:
            text = f"Figure 4, {label}, inside a network: 3×3 Conv does more MACs a millisecond"
            claim = claim_first_in_network(text, CONV, {block: costs[block] for block in (CONV, SEPCONV)}, bare)
        rows = _measured_by_block(own)
        pair = {block: rows[block] for block in (CONV, SEPCONV) if block in rows}
        if claim is None and len(pair) == 2:
            text = f"Figure 4, {label}, a block alone: 3×3 Conv does more MACs a millisecond"
            claim = claim_first(text, CONV, pair, bare, "efficiency")
        if claim is not None:
            claims.append(claim)
    return claims


def _measured_by_block(records: Iterable[Record]) -> dict[str, Record]:
    """Single blocks; chains of them have a depth above 1."""
    single = (record for record in records if record.axes.get("depth", 1) == 1)
    return {str(record.axes["block"]): record for record in single if record.measurement and record.cost}


def _compared(figure4: Sequence[Record], tables: Mapping[str, Mapping[str, Record]]) -> Mapping[str, Record]:
    """The rows that advice is given from: the table with most blocks, else those of Figure 4.

    Of tables with as many blocks the first one counts: the paper's widths, whose rows are of one run.
    """
    compared = max(tables.values(), key=len, default={})
    if len(compared) > 1:
        return compared
    first = next((record.configuration for record in figure4), None)
    rows = _measured_by_block(record for record in figure4 if record.configuration == first)
    return {block.split(":")[0]: record for block, record in rows.items()}


def _advice(compared: Mapping[str, Record], accurate: Claim, names: Mapping[str, str]) -> Advice:
    """The most efficient block, and what is known of its accuracy."""
    best = leader(compared, "efficiency")
    if len(compared) < 2:
        return Advice(names.get(best, best), "the only block measured", is_decided=False)
    words, is_decided = standing(best, compared, names, "efficiency")
    share = share_first(best, compared, "efficiency")
    return Advice(names.get(best, best), words, is_decided, share, accurate.judgement == "undecided")


def _candidates(
    compared: Mapping[str, Record], accuracies: Mapping[str, Accuracy], names: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """The most efficient block, the paper's, and the most accurate one found here."""
    chosen = [leader(compared, "efficiency"), FAVOURITE]
    if accuracies:
        chosen.append(max(accuracies, key=lambda name: accuracies[name].mean_iou))
    return tuple(
        Candidate(
            names.get(block, block),
            f"{significant(compared[block].efficiency_mmacs_per_ms or 0.0)} MMACs/ms" if block in compared else "",
            f"{accuracies[block].text}%" if block in accuracies else "",
        )
        for block in dict.fromkeys(chosen)
    )
