"""A panel of Figure 5 as the verdict on widths sees it: which widths are sweet spots, and what the next ones cost."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.report import efficiency_ratio, marginal
from microbench.report.bootstrap import Values, bootstrap_latencies_ms
from microbench.report.latency_ratio import LatencyRatio, latency_ratio
from microbench.report.marginal import MarginalCost
from microbench.report.sweet_spots import change_points, sweet_spots
from microbench.report.verdicts.rivals import Outcome, RivalComparison, compare_with_rivals, ratio_evidence
from microbench.report.verdicts.speed import is_resampled

Swept = Record | MarginalCost
"""What is known of a width: the row of a single block, or what one more block inside a network costs. A panel has one
kind only."""


@dataclass(frozen=True)
class SweepPanel:
    """One panel of Figure 5 in one configuration, of single blocks or inside a network."""

    label: str
    points: tuple[Swept, ...]
    """By width, ascending. A row is measured and has MACs; a marginal cost is surely above 0 and has MACs."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(int(point.axes["width"]) for point in self.points)

    @property
    def rows(self) -> tuple[Record, ...]:
        """The records behind it."""
        return tuple(row for point in self.points for row in _rows_of(point))

    @functools.cached_property
    def comparisons(self) -> dict[tuple[str, int, int], RivalComparison]:
        """What decides which widths are sweet spots: ("efficiency" or "latency", width, the other width) of each.

        Each width's efficiency is compared with its neighbours'; where it is ahead of both, its latency is compared
        with that of each wider one. Holm's adjustment is over all that might have been compared.
        """
        count = len(self.points)
        neighbours = {
            ("efficiency", i, j): _efficiency_advantage(self.points[i], self.points[j])
            for i in range(1, count - 1)
            for j in (i - 1, i + 1)
        }
        peaks = [
            i
            for i in range(1, count - 1)
            if all(neighbours["efficiency", i, j].interval.low > 1 for j in (i - 1, i + 1))
        ]
        wider = {
            ("latency", i, j): _time_ratio(self.points[j], self.points[i]) for i in peaks for j in range(i + 1, count)
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
        macs, latency, low, high = self._columns()
        # A resample is as uncertain as the row is: its interval is as wide, relative to its median.
        return tuple(
            sweet_spots(self.widths, macs, one * low / latency, one * high / latency)
            for one in _resampled_ms(self.points).T
        )

    def share_of(self, width: int) -> float | None:
        """Of the resamples in which the width is a sweet spot."""
        spots = self.resampled_spots
        return None if spots is None else float(np.mean([width in found for found in spots]))

    def gain_of(self, width: int) -> float:
        """How much more efficient a width is than the better of its neighbours, as a share."""
        i = self.widths.index(width)
        ratios = [_efficiency_advantage(self.points[i], self.points[j]).interval.estimate for j in (i - 1, i + 1)]
        return min(ratios) - 1

    def cost_of_next(self, width: int) -> str:
        """What the next wider channels cost, in words."""
        return self._step_text(self.widths.index(width))

    def past_cliffs(self) -> list[str]:
        """The first width beyond each cliff in words: the worst ones to take."""
        points = change_points(self.widths, *self._columns())
        return [self._step_text(self.widths.index(point.last_width)) for point in points if point.kind == "cliff"]

    def _columns(self) -> tuple[Values, Values, Values, Values]:
        """MACs, and latency with the ends of its interval in milliseconds."""
        times = [_time_ms(point) for point in self.points]
        latency, low, high = np.array([(one.estimate, one.low, one.high) for one in times], dtype=np.float64).T
        return np.array([_macs(point) for point in self.points], dtype=np.float64), latency, low, high

    def _step_text(self, i: int) -> str:
        """E.g. "72 channels take 62% longer than 64 for 27% more MACs"."""
        point, wider = self.points[i], self.points[i + 1]
        longer = _time_ratio(wider, point).interval.estimate - 1
        more = _macs(wider) / _macs(point) - 1
        return (
            f"{self.widths[i + 1]} channels take {abs(longer):.0%} {'longer' if longer > 0 else 'less'} than "
            f"{self.widths[i]} for {more:.0%} more MACs"
        )


def _rows_of(point: Swept) -> tuple[Record, ...]:
    return point.rows if isinstance(point, MarginalCost) else (point,)


def _macs(point: Swept) -> int:
    if isinstance(point, MarginalCost):
        assert point.macs is not None
        return point.macs
    assert point.cost is not None
    return point.cost.macs


def _time_ms(point: Swept) -> Interval:
    if isinstance(point, MarginalCost):
        return point.marginal_ms
    assert point.measurement is not None
    return point.measurement.undisturbed


def _time_ratio(first: Swept, second: Swept) -> LatencyRatio:
    if isinstance(first, MarginalCost) and isinstance(second, MarginalCost):
        ratio = marginal.cost_ratio(first, second)
        assert ratio is not None
        return ratio
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    return latency_ratio(first, second)


def _efficiency_advantage(first: Swept, second: Swept) -> LatencyRatio:
    if isinstance(first, MarginalCost) and isinstance(second, MarginalCost):
        advantage = marginal.efficiency_advantage(first, second)
        assert advantage is not None
        return advantage
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    return efficiency_ratio.efficiency_advantage(first, second)


def _resampled_ms(points: Sequence[Swept]) -> Values:
    """In milliseconds, (points, resamples)."""
    costs = [point for point in points if isinstance(point, MarginalCost)]
    if costs:
        return np.stack([cost.resampled_ms for cost in costs])
    return bootstrap_latencies_ms([point for point in points if isinstance(point, Record)])
