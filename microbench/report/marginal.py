"""What one more block costs inside a network: the slope of latency over chains of equal blocks.

A graph of one block pays for what a network pays for once: converting its input and output between the model's layout
and the runtime's own, and starting the run. Over chains of `depth` equal blocks

    latency(depth) = ends + depth * marginal

so that the slope is the block's cost inside a network and the intercept is the rest. The line is fitted by least
squares of the relative residuals, as windows scatter by a share of their latency, and its intervals come of the
bootstrap over the loads of a run, drawn alike for all depths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.record import Configuration, Record
from microbench.measure.workload import Axis
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap
from microbench.report.labels import configuration_label
from microbench.report.latency_ratio import BETWEEN_RUNS, LatencyRatio, log_error, unknown_ratio

FEWEST_DEPTHS = 3
"""Two points lie on a line whatever they are: nothing would be known of its fit."""

_BENT_SHARE = 0.03
"""A chain's latency may lie this far off the line before it is called bent, however sure it is."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class MarginalCost:
    """What one more block costs, and the ends that every graph pays once."""

    axes: Mapping[str, Axis]
    """Of the chains, without their depth."""
    configuration: Configuration
    depths: tuple[int, ...]
    marginal_ms: Interval
    ends_ms: Interval
    misfit_share: float
    """How far the chain that fits worst lies off the line, as a share of its latency."""
    bent: bool
    """Whether some chain lies off the line by more than 3%, and its interval (Bonferroni over the depths) excludes 0.
    The slope is then that of a chord, and depends on the depths."""
    macs: int | None
    """Of one more block."""
    rows: tuple[Record, ...]
    """The chains."""
    resampled_ms: Values = field(repr=False, compare=False)
    """The marginal cost in each resample of the loads, the same resamples for all chains of a run."""

    @property
    def efficiency_mmacs_per_ms(self) -> Interval | None:
        """MMACs per millisecond of one more block; None where its MACs are unknown or its cost is not above 0."""
        cost = self.marginal_ms
        if self.macs is None or cost.low <= 0:
            return None
        mmacs = self.macs / 1e6
        return Interval(mmacs / cost.estimate, mmacs / cost.high, mmacs / cost.low)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **self.axes,
            "configuration": vars(self.configuration),
            "depths": list(self.depths),
            "marginal_ms": vars(self.marginal_ms),
            "ends_ms": vars(self.ends_ms),
            "misfit_share": self.misfit_share,
            "bent": self.bent,
            "macs": self.macs,
        }


def marginal_costs(records: Sequence[Record]) -> list[MarginalCost]:
    """The marginal cost of every chain that was measured at three depths or more.

    Args:
        records: with the axis `depth`; rows that failed or are known to one load alone are left out.
    """
    chains: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        if "depth" in record.axes and can_bootstrap(record):
            axes = tuple((axis, value) for axis, value in record.axes.items() if axis != "depth")
            chains.setdefault((axes, record.configuration), []).append(record)
    fitted = [sorted(chain, key=_depth) for chain in chains.values() if len({*map(_depth, chain)}) >= FEWEST_DEPTHS]
    if not fitted:
        return []
    # All at once, so that what is compared later was resampled alike.
    resampled = bootstrap_latencies_ms([record for chain in fitted for record in chain])
    ends = np.cumsum([len(chain) for chain in fitted])
    return [_marginal_cost(chain, resampled[end - len(chain) : end]) for chain, end in zip(fitted, ends, strict=True)]


def efficiency_advantage(first: MarginalCost, second: MarginalCost) -> LatencyRatio | None:
    """How many times the MACs per millisecond of one more block of the second kind one more of the first does.

    Returns:
        The ratio, from resamples drawn alike for both where they are of one run; None where a marginal cost is not
        surely above 0 or the MACs are unknown.
    """
    if not first.macs or not second.macs:
        return None
    ratio = cost_ratio(second, first)
    return None if ratio is None else ratio.scaled(first.macs / second.macs)


def ends_sentences(costs: Sequence[MarginalCost]) -> list[str]:
    """How much of a single block's latency is not the block's, for each configuration, in words."""
    sentences = []
    for configuration in dict.fromkeys(cost.configuration for cost in costs):
        own = [cost for cost in costs if cost.configuration == configuration]
        ends_ms = [cost.ends_ms.estimate for cost in own]
        shares = [cost.ends_ms.estimate / (cost.ends_ms.estimate + cost.marginal_ms.estimate) for cost in own]
        sentences.append(
            f"{configuration_label(configuration)}: the ends, which a network pays once, take {min(ends_ms):.2g} to "
            f"{max(ends_ms):.2g} ms, {min(shares):.0%} to {max(shares):.0%} of a single block's latency."
        )
    return sentences


def cost_ratio(first: MarginalCost, second: MarginalCost) -> LatencyRatio | None:
    """What one more block of the first kind costs over what one more of the second does.

    Returns:
        The ratio, from resamples drawn alike for both where they are of one run; None where a marginal cost is not
        surely above 0.
    """
    if first.marginal_ms.low <= 0 or second.marginal_ms.low <= 0:
        return None
    rows = (*first.rows, *second.rows)
    is_paired = len({row.run for row in rows}) == 1
    loads = min(row.measurement.loads for row in rows if row.measurement)
    interval = _interval(
        first.marginal_ms.estimate / second.marginal_ms.estimate, first.resampled_ms / second.resampled_ms
    )
    if interval.low <= 0:
        return unknown_ratio(interval.estimate, loads)
    if not is_paired:
        interval = Interval(interval.estimate, interval.low / (1 + BETWEEN_RUNS), interval.high * (1 + BETWEEN_RUNS))
    return LatencyRatio(interval, log_error(interval, loads - 1), loads - 1, loads, is_paired)


def _depth(record: Record) -> int:
    return int(record.axes["depth"])


def _marginal_cost(ordered: Sequence[Record], resampled: Values) -> MarginalCost:
    depths = np.array([_depth(record) for record in ordered], dtype=np.float64)
    latencies = np.array([record.measurement.latency_ms for record in ordered if record.measurement])
    ends, marginal = fit_line(depths, latencies)
    ends_resampled, marginal_resampled = fit_line(depths, resampled)
    residuals = 1 - (ends + depths * marginal) / latencies
    resampled_residuals = 1 - (ends_resampled + depths[:, np.newaxis] * marginal_resampled) / resampled
    worst = int(np.argmax(np.abs(residuals)))
    tail = 0.025 / len(depths)
    low, high = np.quantile(resampled_residuals, [tail, 1 - tail], axis=1)
    off = (np.abs(residuals) > _BENT_SHARE) & ((low > 0) | (high < 0))
    first = ordered[0]
    return MarginalCost(
        axes={axis: value for axis, value in first.axes.items() if axis != "depth"},
        configuration=first.configuration,
        depths=tuple(int(depth) for depth in depths),
        marginal_ms=_interval(float(marginal), marginal_resampled),
        ends_ms=_interval(float(ends), ends_resampled),
        misfit_share=float(abs(residuals[worst])),
        bent=bool(off.any()),
        macs=_macs_of_one(ordered),
        rows=tuple(ordered),
        resampled_ms=marginal_resampled,
    )


def fit_line(depths: Values, latencies: Values) -> tuple[Values, Values]:
    """Fit `ends + depth * marginal` by least squares of the relative residuals.

    >>> ends, marginal = fit_line(np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.5, 4.5]))
    >>> round(float(ends), 6), round(float(marginal), 6)
    (0.5, 1.0)

    Args:
        depths: (D,), not all equal.
        latencies: (D,) or, for several fits at once, (D, n); above 0.

    Returns:
        The ends and the marginal cost, in the unit of the latencies, each of shape () or (n,).
    """
    weights = 1 / latencies**2
    x = depths.reshape(-1, *(1,) * (latencies.ndim - 1))
    total = weights.sum(0)
    mean_x, mean_y = (weights * x).sum(0) / total, (weights * latencies).sum(0) / total
    marginal = (weights * (x - mean_x) * (latencies - mean_y)).sum(0) / (weights * (x - mean_x) ** 2).sum(0)
    return mean_y - marginal * mean_x, marginal


def _interval(estimate: float, resampled: Values) -> Interval:
    low, high = np.quantile(resampled, [0.025, 0.975])
    # Where nothing scatters, rounding would leave the estimate outside.
    return Interval(estimate, min(float(low), estimate), max(float(high), estimate))


def _macs_of_one(ordered: Sequence[Record]) -> int | None:
    """Of one more block, from the two deepest chains, as the first block may have a stride or a width of its own.

    None where a chain's cost is unknown.
    """
    before, last = ordered[-2:]
    if before.cost is None or last.cost is None:
        return None
    return round((last.cost.macs - before.cost.macs) / (_depth(last) - _depth(before)))
