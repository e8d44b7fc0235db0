"""Principle 2 (section 3.2, Figure 5): channel widths divisible by 2^n, n as large as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from microbench.measure.record import Configuration, Record
from microbench.report.labels import configuration_label
from microbench.report.marginal import MarginalCost, marginal_costs
from microbench.report.sweet_spots import MIN_WIDTHS
from microbench.report.verdicts.claim import Claim, judge_together
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.summary import not_measured, summary_reason
from microbench.report.verdicts.sweep_panel import SweepPanel, Swept
from microbench.report.verdicts.verdict import Advice, Missing, Verdict

PRINCIPLE = "Use channel widths divisible by 2ⁿ, n as large as possible."


def judge_widths(
    records: Sequence[Record], panels: Mapping[str, Sequence[int]], missing: Sequence[Missing] = ()
) -> Verdict:
    """Judge the rule of widths by the sweet spots of each panel of Figure 5.

    Within a panel the rule holds if the most divisible width that has two neighbours is a sweet spot, and no width is
    one that is not divisible by a higher power of two than both its neighbours. Where chains were timed, what one more
    block costs inside a network decides, and what single blocks say is reported beside it.

    Args:
        records: of Figure 5, in one runtime and precision.
        panels: widths by the panel's letter.
        missing: what was not measured.
    """
    marginal = marginal_costs(records)
    protocols = [
        both
        for configuration in dict.fromkeys(record.configuration for record in records)
        for letter, widths in panels.items()
        if (both := _panels(records, marginal, configuration, letter, widths))
    ]
    if not protocols:
        return not_measured("widths", PRINCIPLE, "Figure 5 is not measured here", missing)
    found = [both[0] for both in protocols]
    claims = [_claim(panel) for panel in found]
    reason = summary_reason(claims)
    by_panel = [
        f"{both[0].label}: {claim.reason.message}"
        + "".join(f" (a block alone: {_claim(alone).reason.message})" for alone in both[1:])
        for both, claim in zip(protocols, claims, strict=True)
    ]
    reason = replace(reason, message=". ".join(by_panel))
    advice = _advice(found)
    costs = {one.cost for one in advice}
    past = dict.fromkeys(text for panel in found for text in panel.past_cliffs() if text not in costs)
    if past:
        reason = replace(reason, message=f"{reason.message}. Just past a cliff, {'; '.join(past)}")
    return Verdict(
        principle="widths",
        text=PRINCIPLE,
        judgement=judge_together(claims),
        advice=advice,
        reason=reason,
        claims=tuple(claims),
        missing=tuple(missing),
    )


def follows_rule(spots: Sequence[int], widths: Sequence[int]) -> bool:
    """Whether the sweet spots of a sweep are where the paper's rule puts them; see `judge_widths`.

    >>> follows_rule([16, 32], [8, 16, 24, 32, 40])
    True
    >>> follows_rule([24], [8, 16, 24, 32, 40])
    False
    """
    expected, best = expected_spots(widths)
    return bool(spots) and set(spots) <= expected and best in spots


def expected_spots(widths: Sequence[int]) -> tuple[set[int], int]:
    """The widths that may be sweet spots by the rule, and the one that must be."""
    inner = range(1, len(widths) - 1)
    power = [_power_of_two_in(width) for width in widths]
    may = {widths[i] for i in inner if power[i] > max(power[i - 1], power[i + 1])}
    return may, widths[max(inner, key=lambda i: power[i])]


def _power_of_two_in(width: int) -> int:
    """The largest power of two that divides the width."""
    return width & -width


def _panels(
    records: Sequence[Record],
    costs: Sequence[MarginalCost],
    configuration: Configuration,
    label: str,
    widths: Sequence[int],
) -> list[SweepPanel]:
    """The panel inside a network, and that of single blocks, as far as each has enough widths."""
    own = [r for r in records if r.configuration == configuration and r.measurement and r.cost and _depth(r) == 1]
    marginal = [c for c in costs if c.configuration == configuration and c.macs and c.marginal_ms.low > 0]
    label = f"Figure 5({label}), {configuration_label(configuration)}"
    panels = [
        SweepPanel(f"{label}, inside a network", _in_order(marginal, widths)),
        SweepPanel(label, _in_order(own, widths)),
    ]
    return [panel for panel in panels if len(panel.points) >= MIN_WIDTHS]


def _in_order(points: Sequence[Swept], widths: Sequence[int]) -> tuple[Swept, ...]:
    return tuple(sorted((p for p in points if p.axes["width"] in widths), key=lambda p: int(p.axes["width"])))


def _depth(record: Record) -> int:
    return int(record.axes.get("depth", 1))


def _claim(panel: SweepPanel) -> Claim:
    text = f"{panel.label}: the sweet spots are the widths divisible by the highest powers of two"
    may, best = expected_spots(panel.widths)
    status = {width: panel.is_sweet_spot(width) for width in panel.widths[1:-1]}
    others = [width for width, is_spot in status.items() if is_spot and width not in may]
    spots = panel.resampled_spots
    share = None if spots is None else float(np.mean([follows_rule(found, panel.widths) for found in spots]))
    comparisons = tuple(panel.comparisons.values())

    def claim(judgement: str, reason: Reason) -> Claim:
        return Claim(text, judgement, reason, share, comparisons, panel.rows)  # type: ignore[arg-type]

    # Fails?
    if others:
        message = f"{_list(others)} {'are sweet spots' if len(others) > 1 else 'is a sweet spot'} beside the rule"
        return claim("fails", Reason(ReasonCode.OTHER_WIDTH_IS_A_SWEET_SPOT, message, {"width": others[0]}))
    if status[best] is False:
        message = f"{best} channels are not a sweet spot"
        return claim("fails", Reason(ReasonCode.EXPECTED_WIDTH_IS_NO_SWEET_SPOT, message, {"width": best}))
    # Undecided?
    unclear = [width for width, is_spot in status.items() if is_spot is None and (width not in may or width == best)]
    if unclear:
        open_ones = [one.reason.code for one in comparisons if one.outcome == "undecided"]
        code = next(
            (code for code in (ReasonCode.TOO_FEW_LOADS, ReasonCode.TOO_NOISY) if code in open_ones),
            ReasonCode.NOT_SEPARATED,
        )
        why = {
            ReasonCode.TOO_FEW_LOADS: "some rows have too few loads",
            ReasonCode.TOO_NOISY: "some rows are too noisy",
            ReasonCode.NOT_SEPARATED: "neighbours are too close to tell which is more efficient",
        }[code]
        return claim("undecided", Reason(code, f"{why}, at width {_list(unclear)}", {"width": unclear[0]}))
    found = [width for width, is_spot in status.items() if is_spot]
    return claim("holds", Reason(ReasonCode.RULE_FOLLOWED, f"the sweet spots are {_list(found)}", {"width": best}))


def _list(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths))


def _advice(panels: Sequence[SweepPanel]) -> tuple[Advice, ...]:
    """The sweet spots, those that gain most first; a width of two panels by the smaller of its gains."""
    gains: dict[int, tuple[float, Advice]] = {}
    for panel in panels:
        for width in panel.widths[1:-1]:
            if panel.is_sweet_spot(width):
                gain = panel.gain_of(width)
                standing = f"sweet spot, at least {gain:.0%} more MACs/ms than its neighbours"
                advice = Advice(
                    str(width), standing, is_decided=True, share=panel.share_of(width), cost=panel.cost_of_next(width)
                )
                if width not in gains or gain < gains[width][0]:
                    gains[width] = (gain, advice)
    if gains:
        return tuple(advice for _, advice in sorted(gains.values(), key=lambda one: -one[0]))
    if all(panel.is_sweet_spot(width) is False for panel in panels for width in panel.widths[1:-1]):
        return (Advice("any width", "no width is more efficient than both its neighbours", is_decided=True),)
    return ()
