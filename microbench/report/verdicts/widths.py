"""Principle 2 (section 3.2, Figure 5): channel widths divisible by 2^n, n as large as possible."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microbench.measure.record import Record
from microbench.report.bootstrap import Values, bootstrap_latencies_ms
from microbench.report.efficiency_ratio import efficiency_advantage
from microbench.report.labels import configuration_label
from microbench.report.latency_ratio import latency_ratio
from microbench.report.sweet_spots import MIN_WIDTHS, change_points, sweet_spots
from microbench.report.verdicts.claim import Claim, judge_together
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.rivals import Outcome, RivalComparison, compare_with_rivals, ratio_evidence
from microbench.report.verdicts.speed import is_resampled
from microbench.report.verdicts.summary import not_measured, summary_reason
from microbench.report.verdicts.verdict import Advice, Missing, Verdict

PRINCIPLE = "Use channel widths divisible by 2ⁿ, n as large as possible."


def judge_widths(
    records: Sequence[Record], panels: Mapping[str, Sequence[int]], missing: Sequence[Missing] = ()
) -> Verdict:
    """Judge the rule of widths by the sweet spots of each panel of Figure 5.

    Within a panel the rule holds if the most divisible width that has two neighbours is a sweet spot, and no width is
    one that is not divisible by a higher power of two than both its neighbours.

    Args:
        records: of Figure 5, in one runtime and precision.
        panels: widths by the panel's letter.
        missing: what was not measured.
    """
    found = [
        SweepPanel(f"Figure 5({letter}), {configuration_label(configuration)}", rows)
        for configuration in dict.fromkeys(record.configuration for record in records)
        for letter, widths in panels.items()
        if len(rows := _rows(records, configuration, widths)) >= MIN_WIDTHS
    ]
    if not found:
        return not_measured("widths", PRINCIPLE, "Figure 5 is not measured here", missing)
    claims = [_claim(panel) for panel in found]
    reason = summary_reason(claims)
    by_panel = [f"{panel.label}: {claim.reason.message}" for panel, claim in zip(found, claims, strict=True)]
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


@dataclass(frozen=True)
class SweepPanel:
    """One panel of Figure 5 in one configuration."""

    label: str
    rows: tuple[Record, ...]
    """By width, ascending."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(int(row.axes["width"]) for row in self.rows)

    @functools.cached_property
    def comparisons(self) -> dict[tuple[str, int, int], RivalComparison]:
        """What decides which widths are sweet spots: ("efficiency" or "latency", width, the other width) of each.

        Each width's efficiency is compared with its neighbours'; where it is ahead of both, its latency is compared
        with that of each wider one. Holm's adjustment is over all that might have been compared.
        """
        count = len(self.rows)
        neighbours = {
            ("efficiency", i, j): efficiency_advantage(self.rows[i], self.rows[j])
            for i in range(1, count - 1)
            for j in (i - 1, i + 1)
        }
        peaks = [
            i
            for i in range(1, count - 1)
            if all(neighbours["efficiency", i, j].interval.low > 1 for j in (i - 1, i + 1))
        ]
        wider = {
            ("latency", i, j): latency_ratio(self.rows[j], self.rows[i]) for i in peaks for j in range(i + 1, count)
        }
        compared = {key: ratio_evidence(ratio) for key, ratio in {**neighbours, **wider}.items()}
        family = 2 * (count - 2) + count * (count - 1) // 2
        keys = {f"{quantity} {i} {j}": (quantity, i, j) for quantity, i, j in compared}
        evidence = {name: compared[key] for name, key in keys.items()}
        decided = compare_with_rivals(evidence, family=family)
        return {keys[one.rival]: replace(one, rival=str(self.widths[keys[one.rival][2]])) for one in decided}

    def is_sweet_spot(self, width: int) -> bool | None:
        """Whether the width is more efficient than both neighbours, and no wider one as fast; None if undecided."""
        i = self.widths.index(width)
        outcomes = [one.outcome for (_, of, _), one in self.comparisons.items() if of == i]
        if {"behind", "tied"} & set(outcomes):
            return False
        is_compared_with_wider = any(key[:2] == ("latency", i) for key in self.comparisons)
        expected: set[Outcome] = {"ahead"}
        return True if set(outcomes) == expected and is_compared_with_wider else None

    @functools.cached_property
    def resampled_spots(self) -> tuple[tuple[int, ...], ...] | None:
        """The sweet spots that each resample finds; None where a row has too few loads."""
        if not all(is_resampled(row) for row in self.rows):
            return None
        macs, latency, low, high = _columns(self.rows)
        # A resample is as uncertain as the row is: its interval is as wide, relative to its median.
        resampled = bootstrap_latencies_ms(self.rows).T
        return tuple(sweet_spots(self.widths, macs, one * low / latency, one * high / latency) for one in resampled)

    def share_of(self, width: int) -> float | None:
        """Of the resamples in which the width is a sweet spot."""
        spots = self.resampled_spots
        return None if spots is None else float(np.mean([width in found for found in spots]))

    def gain_of(self, width: int) -> float:
        """How much more efficient a width is than the better of its neighbours, as a share."""
        i = self.widths.index(width)
        ratios = [efficiency_advantage(self.rows[i], self.rows[j]).interval.estimate for j in (i - 1, i + 1)]
        return min(ratios) - 1

    def cost_of_next(self, width: int) -> str:
        """What the next wider channels cost, in words."""
        i = self.widths.index(width)
        return _step_text(self.rows[i], self.rows[i + 1])

    def past_cliffs(self) -> list[str]:
        """The first width beyond each cliff in words: the worst ones to take."""
        macs, latency, low, high = _columns(self.rows)
        points = change_points(self.widths, macs, latency, low, high)
        return [
            _step_text(self.rows[self.widths.index(point.last_width)], self.rows[self.widths.index(point.next_width)])
            for point in points
            if point.kind == "cliff"
        ]


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


def _rows(records: Sequence[Record], configuration: object, widths: Sequence[int]) -> tuple[Record, ...]:
    own = [r for r in records if r.configuration == configuration and r.measurement and r.cost]
    return tuple(sorted((r for r in own if r.axes["width"] in widths), key=lambda r: int(r.axes["width"])))


def _columns(rows: Sequence[Record]) -> tuple[Values, Values, Values, Values]:
    """MACs, and latency with the ends of its interval in milliseconds."""
    measured = [(row.cost, row.measurement) for row in rows]
    macs = [cost.macs for cost, _ in measured if cost]
    times = [(m.latency_ms, m.latency_ci_low_ms, m.latency_ci_high_ms) for _, m in measured if m]
    latency, low, high = np.array(times, dtype=np.float64).T
    return np.array(macs, dtype=np.float64), latency, low, high


def _step_text(row: Record, wider: Record) -> str:
    """E.g. "72 channels take 62% longer than 64 for 27% more MACs"."""
    assert row.cost
    assert wider.cost
    longer = latency_ratio(wider, row).interval.estimate - 1
    more = wider.cost.macs / row.cost.macs - 1
    return (
        f"{wider.axes['width']} channels take {abs(longer):.0%} {'longer' if longer > 0 else 'less'} than "
        f"{row.axes['width']} for {more:.0%} more MACs"
    )


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
