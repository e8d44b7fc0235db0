"""Principle 1 (section 3.2, Figure 4, Table 2): build with the standard 3x3 convolution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.efficiency_ratio import efficiency_ratios
from microbench.report.labels import configuration_label
from microbench.report.published import published
from microbench.report.verdicts.ranking import first_shares, most_accurate, most_efficient, resampled_efficiencies
from microbench.report.verdicts.verdict import Claim, Missing, Verdict, judged, together, unresampled

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
    """Judge the block type by MACs a millisecond and, where all of Table 2's networks are trained, by mIoU.

    Args:
        figure4: its records in one runtime and precision.
        modes: of Table 2, in the same: records by block, for each mode ("equal latency", "paper's widths").
        accuracies: of Table 2's networks of the paper's widths, by block.
        missing: what was not measured.
    """
    names = block_names()
    speed = _figure4_claims(figure4)
    for mode, rows in modes.items():
        measured = {block: record for block, record in rows.items() if record.measurement and record.cost}
        if FAVOURITE in measured and len(measured) > 1:
            text = f"Table 2, {mode}: 3×3 Conv does the most MACs a millisecond of {len(measured)} blocks"
            speed.append(most_efficient(text, FAVOURITE, measured, names))
    trained = [block for block in names if block in accuracies]
    accuracy = []
    if len(trained) == len(names):
        text = "Table 2, paper's widths: 3×3 Conv has the highest mIoU"
        accuracy.append(most_accurate(text, FAVOURITE, accuracies, trained, names))
    claims = (*speed, *accuracy)
    return Verdict(
        principle="block",
        text=PRINCIPLE,
        judgement=together(claims) if speed else "undecided",
        advice=_advice(figure4, modes, names),
        reason=_reason(speed, accuracy, f"{len(trained)} of the {len(names)} networks of Table 2 are trained"),
        claims=claims if speed else (),
        missing=tuple(missing),
    )


def block_names() -> dict[str, str]:
    """Blocks as the paper's Table 2 calls them."""
    return {str(row["block"]): str(row["name"]) for row in published("table2").to_dict("records")}


def _figure4_claims(records: Sequence[Record]) -> list[Claim]:
    """One for each configuration in which both blocks were measured."""
    claims = []
    for configuration in dict.fromkeys(record.configuration for record in records):
        own = [record for record in records if record.configuration == configuration and record.measurement]
        pair = [record for block in (CONV, SEPCONV) for record in own if record.axes["block"] == block]
        if len(pair) < 2:
            continue
        text = f"Figure 4, {configuration_label(configuration)}: the standard convolution does more MACs a millisecond"
        open_claim = unresampled(text, pair)
        if open_claim is not None:
            claims.append(open_claim)
            continue
        (ratio,) = efficiency_ratios(pair, CONV, SEPCONV)
        share = float(first_shares(resampled_efficiencies(pair))[0])
        found = f"{ratio.ratio:.2f} times as much as 3x3 SepConv (95% CI {ratio.low:.2f} to {ratio.high:.2f})."
        claims.append(Claim(text, judged(share), share, found, tuple(pair)))
    return claims


def _advice(
    figure4: Sequence[Record], modes: Mapping[str, Mapping[str, Record]], names: Mapping[str, str]
) -> str | None:
    """The most efficient block where most blocks were compared, else of the two in Figure 4.

    The later mode decides between equals: at equal latency the comparison is fair.
    """
    compared = max(reversed(list(modes.values())), key=len, default={})
    efficiencies = {block: row.efficiency_mmacs_per_ms for block, row in compared.items() if row.measurement}
    if len(efficiencies) < 2:
        bare = {row.axes["block"]: row.efficiency_mmacs_per_ms for row in figure4 if row.measurement}
        efficiencies = {str(block).split(":")[0]: value for block, value in bare.items()}
    if len(efficiencies) < 2:
        return None
    best = max(efficiencies, key=lambda block: efficiencies[block] or 0.0)
    return names.get(best, best)


def _reason(speed: Sequence[Claim], accuracy: Sequence[Claim], trained: str) -> str:
    if not speed:
        return "Neither Figure 4 nor Table 2 is measured here."
    told = {
        "holds": "3x3 Conv does more arithmetic in a millisecond than every block it was held against",
        "fails": "Another block does more arithmetic in a millisecond than 3x3 Conv",
        "undecided": "Whether 3x3 Conv does the most arithmetic in a millisecond is not certain from these rows",
    }[together(speed)]
    told += f": {speed[0].found.rstrip('.')}"
    if not accuracy:
        return f"{told}. What it does to accuracy is open: {trained}."
    accurate = {
        "holds": "it has the highest mIoU of them, too",
        "fails": "another one has the higher mIoU",
        "undecided": "whether it has the highest mIoU is open",
    }[together(accuracy)]
    return f"{told}; {accurate}."
