"""Principle 2 (section 3.2, Figure 5): channel widths divisible by 2^n, n as large as possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microbench.measure.record import Record
from microbench.report.bootstrap import Values, bootstrap_latencies_ms
from microbench.report.labels import configuration_label
from microbench.report.sweet_spots import MIN_WIDTHS, change_points, sweet_spots
from microbench.report.verdicts.verdict import Claim, Missing, Verdict, judged, together, unresampled

PRINCIPLE = "Use channel widths divisible by 2ⁿ, n as large as possible."

STEADY_SHARE = 0.5
"""A width is recommended if it is a sweet spot in more than this share of resamples."""


@dataclass(frozen=True)
class SweepPanel:
    """One panel of Figure 5 in one configuration: what each resample finds in it."""

    letter: str
    rows: tuple[Record, ...]
    """By width, ascending."""
    widths: tuple[int, ...]
    found: tuple[tuple[int, ...], ...]
    """The sweet spots of each resample."""

    def share_of(self, width: int) -> float:
        """Of the resamples in which the width is a sweet spot."""
        return float(np.mean([width in spots for spots in self.found]))

    @property
    def steady(self) -> tuple[int, ...]:
        """The widths that are sweet spots in most resamples."""
        return tuple(width for width in self.widths if self.share_of(width) > STEADY_SHARE)

    @property
    def past_cliffs(self) -> tuple[int, ...]:
        """The first width beyond each cliff: the worst ones to use."""
        macs, latency, low, high = _columns(self.rows)
        return tuple(p.next_width for p in change_points(self.widths, macs, latency, low, high) if p.kind == "cliff")


def judge_widths(
    records: Sequence[Record], panels: Mapping[str, Sequence[int]], missing: Sequence[Missing] = ()
) -> Verdict:
    """Judge the rule of widths by the sweet spots that are found again in resamples of each row's generations.

    Within a panel the rule holds if there are sweet spots, each of them divisible by a higher power of two than both
    its neighbours in the panel, and if the most divisible width that has two neighbours is one of them.

    Args:
        records: of Figure 5, in one runtime and precision.
        panels: widths by the panel's letter.
        missing: what was not measured.
    """
    claims: list[Claim] = []
    found: list[SweepPanel] = []
    for configuration in dict.fromkeys(record.configuration for record in records):
        for letter, widths in panels.items():
            rows = _rows(records, configuration, widths)
            if len(rows) < MIN_WIDTHS:
                continue
            text = (
                f"Figure 5({letter}), {configuration_label(configuration)}: sweet spots are the widths that are "
                "divisible by the highest powers of two"
            )
            open_claim = unresampled(text, rows)
            if open_claim is not None:
                claims.append(open_claim)
                continue
            panel = _panel(letter, rows)
            found.append(panel)
            claims.append(_claim(text, panel))
    return Verdict(
        principle="widths",
        text=PRINCIPLE,
        judgement=together(claims) if claims else "undecided",
        advice=_widths_text(_union(panel.steady for panel in found)) if found else None,
        reason=_reason(claims, found),
        claims=tuple(claims),
        missing=tuple(missing),
    )


def follows_rule(spots: Sequence[int], widths: Sequence[int]) -> bool:
    """Whether the sweet spots of a sweep are where the paper's rule puts them; see `judge_widths`."""
    inner = range(1, len(widths) - 1)
    power = [_power_of_two_in(width) for width in widths]
    peaks = {widths[i] for i in inner if power[i] > max(power[i - 1], power[i + 1])}
    best = max(inner, key=lambda i: power[i])
    return bool(spots) and set(spots) <= peaks and widths[best] in spots


def _power_of_two_in(width: int) -> int:
    """The largest power of two that divides the width."""
    return width & -width


def _rows(records: Sequence[Record], configuration: object, widths: Sequence[int]) -> tuple[Record, ...]:
    own = [r for r in records if r.configuration == configuration and r.measurement and r.cost]
    return tuple(sorted((r for r in own if r.axes["width"] in widths), key=lambda r: int(r.axes["width"])))


def _panel(letter: str, rows: tuple[Record, ...]) -> SweepPanel:
    widths = tuple(int(row.axes["width"]) for row in rows)
    macs, latency, low, high = _columns(rows)
    # A resample is as uncertain as the row is: its interval is as wide, relative to its median.
    resampled = bootstrap_latencies_ms(rows).T
    spots = tuple(sweet_spots(widths, macs, drawn * low / latency, drawn * high / latency) for drawn in resampled)
    return SweepPanel(letter, rows, widths, spots)


def _columns(rows: Sequence[Record]) -> tuple[Values, Values, Values, Values]:
    """MACs, and latency with the ends of its interval in milliseconds."""
    measured = [(row.cost, row.measurement) for row in rows]
    macs = [cost.macs for cost, _ in measured if cost]
    times = [(m.latency_ms, m.latency_ci_low_ms, m.latency_ci_high_ms) for _, m in measured if m]
    latency, low, high = np.array(times, dtype=np.float64).T
    return np.array(macs, dtype=np.float64), latency, low, high


def _claim(text: str, panel: SweepPanel) -> Claim:
    share = float(np.mean([follows_rule(spots, panel.widths) for spots in panel.found]))
    seen = [width for width in panel.widths if panel.share_of(width) > 0]
    told = ", ".join(f"{width} ({panel.share_of(width):.0%})" for width in seen)
    found = f"Found, and in what share of resamples: {told}." if seen else "No resample has a sweet spot."
    return Claim(text, judged(share), share, found, panel.rows)


def _union(parts: Iterable[Sequence[int]]) -> list[int]:
    return sorted({width for part in parts for width in part})


def _widths_text(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths)) if widths else "any: no width stands out"


def _reason(claims: Sequence[Claim], found: Sequence[SweepPanel]) -> str:
    if not claims:
        return "Figure 5 is not measured here."
    told = {
        "holds": "The widths of the best efficiency are those divisible by the highest powers of two",
        "fails": "The widths of the best efficiency are not those divisible by the highest powers of two",
        "undecided": "Whether the best widths are those divisible by the highest powers of two is not certain here",
    }[together(claims)]
    beyond = _union(panel.past_cliffs for panel in found)
    return f"{told}." + (f" Avoid {_widths_text(beyond)}, just past a cliff." if beyond else "")
