"""Sweet spots of a width sweep: where latency jumps, which widths come free, and how often the cliffs return.

The paper (section 3.2, Figure 5) calls widths of high FLOPs-efficiency "sweet spots" and recommends widths divisible by
2^n, n as large as possible. Here a sweet spot is a width on the free-width frontier that is also a local maximum of
efficiency; the cliffs' period is estimated from the data and may or may not be a power of two.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import ruptures
from numpy.typing import NDArray

from microbench.report.frame import TARGET_COLUMNS, measured, target_label

Values = NDArray[np.float64]

MIN_WIDTHS = 4
"""Fewer points than this have no shape to speak of."""

PERIODS = tuple(sorted({*(2**n for n in range(1, 8)), *(3 * 2**n for n in range(1, 6))}))
"""Candidate periods of the cliffs: powers of two, and between them their multiples by 3/2, so that the paper's "2^n"
is put to the test rather than assumed."""

STRONG_EVIDENCE = 6.0
"""Difference of the Bayesian information criterion that is called strong (Kass and Raftery 1995, their table)."""

_MODEL_ERROR = 0.015
"""No straight line is exact: below this relative error a change of slope is not worth a change point."""

_NORMAL_975 = 1.96


@dataclass(frozen=True)
class ChangePoint:
    """Latency leaves the line that it followed."""

    last_width: int
    """The last width on the old line."""
    next_width: int
    jump: float
    """Latency at `next_width` relative to the old line continued, less 1: 0.5 is a cliff of 50%, -0.2 a drop."""


@dataclass(frozen=True)
class Period:
    """Latency follows the width rounded up to a multiple of `channels`."""

    channels: int
    evidence: float
    """Bayesian information criterion gained over latency following the width itself; above 6 is strong."""


@dataclass(frozen=True)
class WidthCurve:
    """One block's latency against its width in one runtime, and what was found in it."""

    label: str
    widths: tuple[int, ...]
    latency_ms: tuple[float, ...]
    latency_ci_low_ms: tuple[float, ...]
    latency_ci_high_ms: tuple[float, ...]
    macs: tuple[int, ...]
    frontier: tuple[int, ...]
    """Widths for which no larger width of the sweep is as fast within the confidence intervals."""
    sweet_spots: tuple[int, ...]
    change_points: tuple[ChangePoint, ...]
    period: Period | None

    @property
    def efficiency_mmacs_per_ms(self) -> Values:
        """FLOPs-efficiency at each width."""
        return np.asarray(self.macs, dtype=np.float64) / 1e6 / np.asarray(self.latency_ms, dtype=np.float64)

    def as_json(self) -> dict[str, Any]:
        """What was found, as JSON values."""
        return {
            "label": self.label,
            "frontier": list(self.frontier),
            "sweet_spots": list(self.sweet_spots),
            "change_points": [asdict(point) for point in self.change_points],
            "period": self.period and asdict(self.period),
        }


def curves_of(data: pd.DataFrame, prefix: str = "") -> list[WidthCurve]:
    """One curve for each set of rows that differ in nothing but their width, where there are enough widths.

    Args:
        data: rows of a sweep, see `frame`; rows without a latency are left out.
        prefix: put before each curve's label.
    """
    others = ["block", "resolution", "stride", "batch", "depth"]
    curves = []
    for values, group in measured(data).groupby([*TARGET_COLUMNS, *others], sort=False):
        rows = group.sort_values("width")
        if len(rows) < MIN_WIDTHS:
            continue
        *target, block, resolution, stride, batch, depth = values
        extras = [
            f"{name} {value}" for name, value in (("stride", stride), ("batch", batch), ("depth", depth)) if value != 1
        ]
        label = ", ".join([f"{prefix}{block} at {resolution}", *extras, target_label(target)])
        curves.append(
            analyse(
                label,
                rows["width"].tolist(),
                rows["latency_ms"].to_numpy(float),
                rows["latency_ci_low_ms"].to_numpy(float),
                rows["latency_ci_high_ms"].to_numpy(float),
                rows["macs"].tolist(),
            )
        )
    return curves


def analyse(
    label: str, widths: Sequence[int], latency_ms: Values, low_ms: Values, high_ms: Values, macs: Sequence[int]
) -> WidthCurve:
    """Find the frontier, the sweet spots, the change points and the period of one curve.

    Args:
        label: names the curve.
        widths: channels, ascending.
        latency_ms: median latency at each width.
        low_ms: lower end of its 95% interval.
        high_ms: upper end of its 95% interval.
        macs: multiply-accumulates at each width.
    """
    errors_ms = standard_errors(latency_ms, low_ms, high_ms)
    frontier = free_width_frontier(widths, low_ms, high_ms)
    peaks = efficiency_peaks(widths, np.asarray(macs, dtype=np.float64), low_ms, high_ms)
    return WidthCurve(
        label=label,
        widths=tuple(widths),
        latency_ms=tuple(latency_ms.tolist()),
        latency_ci_low_ms=tuple(low_ms.tolist()),
        latency_ci_high_ms=tuple(high_ms.tolist()),
        macs=tuple(macs),
        frontier=frontier,
        sweet_spots=tuple(width for width in peaks if width in frontier),
        change_points=change_points(widths, latency_ms, errors_ms),
        period=cliff_period(widths, latency_ms, errors_ms),
    )


def standard_errors(latency_ms: Values, low_ms: Values, high_ms: Values) -> Values:
    """Error of each latency against a smooth model: its own standard error, and the model's."""
    own = (high_ms - low_ms) / (2 * _NORMAL_975)
    return np.hypot(own, _MODEL_ERROR * latency_ms)


def free_width_frontier(widths: Sequence[int], low_ms: Values, high_ms: Values) -> tuple[int, ...]:
    """The widths for which no larger width is as fast within the confidence intervals.

    A width off the frontier wastes channels: some larger one costs no measurable time more.
    """
    return tuple(
        width for i, width in enumerate(widths) if all(low_ms[j] > high_ms[i] for j in range(i + 1, len(widths)))
    )


def efficiency_peaks(widths: Sequence[int], macs: Values, low_ms: Values, high_ms: Values) -> tuple[int, ...]:
    """The widths more efficient than both neighbours by more than the confidence intervals.

    The first and the last width of a sweep have one neighbour only, and are never called peaks.
    """
    worst, best = macs / high_ms, macs / low_ms
    return tuple(widths[i] for i in range(1, len(widths) - 1) if worst[i] > best[i - 1] and worst[i] > best[i + 1])


class _LineCost(ruptures.base.BaseCost):  # type: ignore[misc]
    """Weighted squared distance of a segment from its best straight line; a single point lies on its own."""

    model = ""
    min_size = 1

    def fit(self, signal: Values) -> _LineCost:
        """Take rows of (width, latency, error of the latency)."""
        self.signal = signal
        return self

    def error(self, start: int, end: int) -> float:
        """Cost of the segment [start, end)."""
        widths, latency, errors = self.signal[start:end].T
        return _weighted_residual(np.stack([np.ones_like(widths), widths], axis=1), latency, errors)


def _weighted_residual(features: Values, values: Values, errors: Values) -> float:
    """Sum of squared residuals in units of the errors, of the least-squares fit."""
    solution, *_ = np.linalg.lstsq(features / errors[:, None], values / errors, rcond=None)
    residual = (values - features @ solution) / errors
    return float(residual @ residual)


def change_points(widths: Sequence[int], latency_ms: Values, errors_ms: Values) -> tuple[ChangePoint, ...]:
    """Where latency leaves one straight line in the width for another.

    Optimal partition by PELT (Killick 2012) with the Bayesian information criterion as penalty: a further segment costs
    a slope, an intercept and a place.
    """
    signal = np.stack([np.asarray(widths, dtype=np.float64), latency_ms, errors_ms], axis=1)
    search = ruptures.Pelt(custom_cost=_LineCost(), min_size=1, jump=1).fit(signal)
    ends = search.predict(pen=3 * math.log(len(widths)))
    starts = [0, *ends[:-1]]
    return tuple(
        ChangePoint(widths[end - 1], widths[end], _jump(signal[start:end], signal[end]))
        for start, end in itertools.pairwise([*starts, len(widths)])
        if end < len(widths)
    )


def _jump(segment: Values, following: Values) -> float:
    widths, latency, errors = segment.T
    if len(widths) > 1:
        slope, intercept = np.polyfit(widths, latency, 1, w=1 / errors)
        expected = slope * following[0] + intercept
    else:  # one point gives no slope; proportional to the width is what moving the channels' bytes would take
        expected = latency[0] * following[0] / widths[0]
    return float(following[1] / expected - 1)


def cliff_period(widths: Sequence[int], latency_ms: Values, errors_ms: Values) -> Period | None:
    """The number of channels that latency comes in, or None where it follows the width itself.

    Latency is fitted by a quadratic in the width c (maps cost c, weights and arithmetic c^2), and by the same quadratic
    in c rounded up to a multiple of p, for each candidate period p. All have three parameters, so the Bayesian
    information criterion compares residuals alone; the best p counts if it beats the smooth curve by strong evidence.
    A period that the sweep's grid or range cannot show is no candidate.
    """
    c = np.asarray(widths, dtype=np.float64)
    grid = math.gcd(*widths)
    candidates = [period for period in PERIODS if grid < period < max(widths)]
    if len(widths) <= MIN_WIDTHS or not candidates:
        return None

    def criterion(rounded: Values) -> float:
        residual = _weighted_residual(np.stack([np.ones_like(c), rounded, rounded**2], axis=1), latency_ms, errors_ms)
        # The errors' scale is not taken as known: the criterion is that of an unknown variance.
        return len(c) * math.log(max(residual, 1e-9))

    smooth = criterion(c)
    gains = {period: smooth - criterion(np.ceil(c / period) * period) for period in candidates}
    best = max(gains, key=lambda period: gains[period])
    return Period(best, round(gains[best], 1)) if gains[best] > STRONG_EVIDENCE else None


def describe(curve: WidthCurve) -> str:
    """The findings of a curve in one sentence."""
    cliffs = [point for point in curve.change_points if point.jump > 0]
    parts = [
        f"sweet spots {_list(curve.sweet_spots)}",
        f"free-width frontier {_list(curve.frontier)}",
        "cliffs " + (", ".join(f"{p.last_width}->{p.next_width} (+{p.jump:.0%})" for p in cliffs) or "none"),
        _describe_period(curve.period),
    ]
    return f"{curve.label}: " + "; ".join(parts) + "."


def _list(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths)) or "none"


def _describe_period(period: Period | None) -> str:
    if period is None:
        return "no period of the cliffs stands out"
    power = period.channels & (period.channels - 1) == 0
    verdict = "as the paper's 2^n rule says" if power else "against the paper's 2^n rule"
    return (
        f"latency comes in steps of {period.channels} channels ({verdict}; evidence {period.evidence:g}, 6 is strong)"
    )
