"""Sweet spots of a width sweep: where latency jumps, which widths come free, and how often the cliffs return.

The paper (section 3.2, Figure 5) calls widths of high FLOPs-efficiency "sweet spots" and recommends widths divisible by
2^n, n as large as possible. Here a sweet spot is a width on the free-width frontier that is also a local maximum of
efficiency; the cliffs' period is estimated from the data and may or may not be a power of two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from microbench.report.dataframe import measured
from microbench.report.labels import TARGET_COLUMNS, configuration_label, target_label
from microbench.report.marginal import MarginalCost

Values = NDArray[np.float64]

SWEPT_AXES = ("block", "resolution", "stride", "batch", "depth")
"""What tells curves apart beside the input width and what they were run in."""

MIN_WIDTHS = 4
"""Fewer points than this have no shape to speak of."""

PERIODS = tuple(sorted({*(2**n for n in range(1, 8)), *(3 * 2**n for n in range(1, 6))}))
"""Candidate periods of the cliffs: powers of two, and between them their multiples by 3/2, so that the paper's "2^n"
is put to the test rather than assumed."""

STRONG_EVIDENCE = 6.0
"""Difference of the Bayesian information criterion that is called strong (Kass and Raftery 1995, their table)."""

_MODEL_ERROR = 0.01
"""No smooth law is exact: latencies are taken to stray from it by this much beside their own standard errors."""

_NORMAL_975 = 1.96


@dataclass(frozen=True)
class ChangePoint:
    """Two neighbouring widths between which latency changes otherwise than the arithmetic does."""

    last_width: int
    next_width: int
    kind: Literal["cliff", "drop"]
    """A cliff: latency grows faster than the MACs do, so that efficiency falls. A drop: the wider one is faster."""
    jump: float
    """Of a cliff, latency beyond growth in proportion to the MACs: 0.5 is half as much again. Of a drop, the share of
    latency saved, as a negative number."""


@dataclass(frozen=True)
class Period:
    """Latency follows the width rounded up to a multiple of `channels`."""

    channels: int
    evidence: float
    """Bayesian information criterion gained over growth without steps; above 6 is strong."""


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
    rows: tuple[int, ...] = ()
    """The places of its rows in the data or the marginal costs that it was made of, by width."""

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
        data: rows of a sweep, see `to_dataframe`; rows without a latency are left out.
        prefix: put before each curve's label.
    """
    curves = []
    for in_width, family in families(measured(data)):
        for values, group in family.groupby([*TARGET_COLUMNS, *SWEPT_AXES], sort=False):
            rows = group.sort_values("width")
            if len(rows) < MIN_WIDTHS:
                continue
            target, axes = (
                values[: len(TARGET_COLUMNS)],
                dict(zip(SWEPT_AXES, values[len(TARGET_COLUMNS) :], strict=True)),
            )
            words = in_words({axis: axes[axis] for axis in ("stride", "batch", "depth") if axes[axis] != 1}, in_width)
            label = ", ".join([f"{prefix}{axes['block']} at {axes['resolution']}", *words, target_label(target)])
            curve = analyse(
                label,
                rows["width"].tolist(),
                rows["latency_ms"].to_numpy(float),
                rows["latency_ci_low_ms"].to_numpy(float),
                rows["latency_ci_high_ms"].to_numpy(float),
                rows["macs"].tolist(),
            )
            curves.append(replace(curve, rows=tuple(int(place) for place in rows.index)))
    return curves


def marginal_curves(costs: Sequence[MarginalCost], prefix: str = "") -> list[WidthCurve]:
    """One curve of what one more block costs inside a network for each block and configuration with enough widths.

    Args:
        costs: those that are not surely above 0, or whose MACs are unknown, are left out.
        prefix: put before each curve's label.
    """
    curves: dict[tuple[object, Any, object], list[tuple[int, MarginalCost]]] = {}
    for place, cost in enumerate(costs):
        if cost.macs and cost.marginal_ms.low > 0:
            # Whatever the first block's input, one more has as many input as output channels.
            others = tuple((axis, value) for axis, value in cost.axes.items() if axis not in ("width", "in_width"))
            is_square = cost.axes["in_width"] == cost.axes["width"]
            in_width = None if is_square else cost.axes["in_width"]
            curves.setdefault((others, in_width, cost.configuration), []).append((place, cost))
    found = []
    for (_, in_width, _), own in curves.items():
        own = sorted(own, key=lambda placed: int(placed[1].axes["width"]))
        ordered = [cost for _, cost in own]
        if len(ordered) < MIN_WIDTHS:
            continue
        axes = ordered[0].axes
        varied = {axis: axes[axis] for axis in ("stride", "batch") if axes[axis] != 1}
        words = [*in_words(varied, in_width), "inside a network", configuration_label(ordered[0].configuration)]
        label = ", ".join([f"{prefix}{axes['block']} at {axes['resolution']}", *words])
        times = [cost.marginal_ms for cost in ordered]
        latency, low, high = np.array([(one.estimate, one.low, one.high) for one in times]).T
        widths = [int(cost.axes["width"]) for cost in ordered]
        curve = analyse(label, widths, latency, low, high, [cost.macs or 0 for cost in ordered])
        found.append(replace(curve, rows=tuple(place for place, _ in own)))
    return found


def families(data: pd.DataFrame) -> list[tuple[int | None, pd.DataFrame]]:
    """The rows from c to c channels (None), then those of each fixed number of input channels.

    A row from 16 to 16 channels belongs to both, if others have 16 input channels too.
    """
    if "in_width" not in data or data.empty:
        return [(None, data)]
    square = data["in_width"] == data["width"]
    fixed = sorted(data.loc[~square, "in_width"].unique())
    found: list[tuple[int | None, pd.DataFrame]] = []
    if (square & ~data["in_width"].isin(fixed)).any():
        found.append((None, data[square]))
    return [*found, *((int(in_width), data[data["in_width"] == in_width]) for in_width in fixed)]


def in_words(axes: Mapping[str, object], in_width: int | None) -> list[str]:
    """The axes that tell a curve apart, e.g. ["stride 2", "from 16 channels"]."""
    words = [f"{name} {value}" for name, value in axes.items()]
    return words if in_width is None else [*words, f"from {in_width} channels"]


def analyse(
    label: str, widths: Sequence[int], latency_ms: Values, low_ms: Values, high_ms: Values, macs: Sequence[int]
) -> WidthCurve:
    """Find the frontier, the sweet spots, the change points and the period of one curve.

    Args:
        label: names the curve.
        widths: channels, ascending.
        latency_ms: undisturbed latency at each width.
        low_ms: lower end of its 95% interval.
        high_ms: upper end of its 95% interval.
        macs: multiply-accumulates at each width.
    """
    arithmetic = np.asarray(macs, dtype=np.float64)
    return WidthCurve(
        label=label,
        widths=tuple(widths),
        latency_ms=tuple(latency_ms.tolist()),
        latency_ci_low_ms=tuple(low_ms.tolist()),
        latency_ci_high_ms=tuple(high_ms.tolist()),
        macs=tuple(macs),
        frontier=free_width_frontier(widths, low_ms, high_ms),
        sweet_spots=sweet_spots(widths, arithmetic, low_ms, high_ms),
        change_points=change_points(widths, arithmetic, latency_ms, low_ms, high_ms),
        period=cliff_period(widths, latency_ms, low_ms, high_ms),
    )


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


def sweet_spots(widths: Sequence[int], macs: Values, low_ms: Values, high_ms: Values) -> tuple[int, ...]:
    """The efficiency peaks on the free-width frontier."""
    frontier = free_width_frontier(widths, low_ms, high_ms)
    return tuple(width for width in efficiency_peaks(widths, macs, low_ms, high_ms) if width in frontier)


def change_points(
    widths: Sequence[int], macs: Values, latency_ms: Values, low_ms: Values, high_ms: Values
) -> tuple[ChangePoint, ...]:
    """The cliffs and drops between neighbouring widths, where the confidence intervals show them.

    Latency that follows the bytes moved grows slower than the MACs, latency that follows the arithmetic as fast: only
    a step of the hardware or of the library (a vector or tile that is opened for one more channel) makes it grow
    faster. A general change point search cannot tell a plateau before a cliff from a steep line across it where, as in
    Figure 5(b), there are but two widths to a step; this rule can. The model's error comes on top of the intervals: a
    sweep has many pairs of neighbours, and one in 400 pairs of 95% intervals parts by chance.
    """
    found = []
    for i in range(len(widths) - 1):
        growth = macs[i + 1] / macs[i]
        kind: Literal["cliff", "drop"]
        if low_ms[i + 1] > high_ms[i] * growth * (1 + _MODEL_ERROR):
            kind, expected_ms = "cliff", latency_ms[i] * growth
        elif high_ms[i + 1] * (1 + _MODEL_ERROR) < low_ms[i]:
            kind, expected_ms = "drop", latency_ms[i]
        else:
            continue
        found.append(ChangePoint(widths[i], widths[i + 1], kind, float(latency_ms[i + 1] / expected_ms - 1)))
    return tuple(found)


def cliff_period(widths: Sequence[int], latency_ms: Values, low_ms: Values, high_ms: Values) -> Period | None:
    """The number of channels in whose multiples the cliffs return, or None if no period is clear.

    From each width to the next, latency grows by some elasticity (the change of its logarithm by that of the width's):
    1 if it follows the bytes, 2 if it follows the arithmetic. A regression of the elasticities on the logarithm of
    the width and its square, weighted by their errors, is compared with one in which the steps across a multiple of p
    have a higher level. (Without the square, a fixed cost that fades as the width grows passes for a period wherever
    the sweep's wide steps all cross a multiple.) The best p counts if the Bayesian information criterion favours it
    strongly. A candidate p must be crossed at least twice, or it would be no period, and must not be crossed at every
    step, or the sweep's grid cannot show it.
    """
    logs = np.log(np.asarray(widths, dtype=np.float64))
    run = np.diff(logs)
    elasticities = np.diff(np.log(latency_ms)) / run
    relative_errors = np.hypot((high_ms - low_ms) / (2 * _NORMAL_975 * latency_ms), _MODEL_ERROR)
    errors = np.hypot(relative_errors[1:], relative_errors[:-1]) / run
    middle = (logs[1:] + logs[:-1]) / 2
    smooth = np.stack([np.ones_like(run), middle, middle**2], axis=1)
    steps = len(run)
    without, _ = _regression(smooth, elasticities, errors)
    gains = {}
    for period in PERIODS:
        tiles = np.ceil(np.asarray(widths) / period)
        crossed = np.diff(tiles) > 0
        if 2 <= crossed.sum() < steps and steps > smooth.shape[1] + 1:
            residual, level = _regression(np.column_stack([smooth, crossed]), elasticities, errors)
            if level > 0:
                gains[period] = steps * math.log(without / residual) - math.log(steps)
    if not gains:
        return None
    best = max(gains, key=lambda period: gains[period])
    return Period(best, round(gains[best], 1)) if gains[best] > STRONG_EVIDENCE else None


def _regression(features: Values, values: Values, errors: Values) -> tuple[float, float]:
    """Weighted least squares: the squared residuals in units of the errors, and the last feature's coefficient."""
    solution, *_ = np.linalg.lstsq(features / errors[:, None], values / errors, rcond=None)
    residual = (values - features @ solution) / errors
    # Below one squared error a value, a closer fit is chance.
    return max(float(residual @ residual), float(len(values))), float(solution[-1])


def describe(curve: WidthCurve) -> str:
    """The findings of a curve in one sentence: what to take, what to avoid, and what that costs."""
    cliffs = [point for point in curve.change_points if point.kind == "cliff"]
    drops = [point for point in curve.change_points if point.kind == "drop"]
    parts = [f"take {_list(curve.sweet_spots)} channels (sweet spots)" if curve.sweet_spots else "no sweet spot"]
    if cliffs:
        steps = ", ".join(f"{point.next_width} (+{point.jump:.0%} over {point.last_width})" for point in cliffs)
        parts.append(f"avoid {steps}, past a cliff: slower by so much than more arithmetic explains")
    parts += [f"{point.next_width} is wider than {point.last_width} and {-point.jump:.0%} faster" for point in drops]
    parts.append(f"no wider width is as fast as {_list(curve.frontier)}")
    parts.append(_describe_period(curve.period))
    return f"{curve.label}: " + "; ".join(parts) + "."


def _list(widths: Sequence[int]) -> str:
    return ", ".join(map(str, widths))


def _describe_period(period: Period | None) -> str:
    if period is None:
        return "no clear period of the cliffs"
    power = period.channels & (period.channels - 1) == 0
    verdict = "as the paper's 2^n rule says" if power else "against the paper's 2^n rule"
    return (
        f"latency comes in steps of {period.channels} channels ({verdict}; evidence {period.evidence:g}, 6 is strong)"
    )
