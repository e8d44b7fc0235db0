"""The period of the cliffs in each arm of a controlled experiment, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microbench.measure.measurement import Measurement
from microbench.measure.record import Record
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap
from microbench.report.sweet_spots import MIN_WIDTHS, WidthCurve, analyse, cliff_period

RESAMPLES = 200


@dataclass(frozen=True)
class ArmPeriod:
    """One arm's curve, and its period in each resample of the loads."""

    arm: str
    curve: WidthCurve
    resampled: tuple[int | None, ...]
    """Channels; None where a resample has no clear period."""
    loads: int
    """Of the model that was loaded least often."""
    half_width_share: float
    """Of the rows' 95% intervals, the median."""
    noisy: int
    """Of its rows, how many are marked noisy."""

    @property
    def channels(self) -> int | None:
        """The period of the curve as measured, or None."""
        return self.curve.period.channels if self.curve.period else None

    @property
    def text(self) -> str:
        """The period with the share of resamples that have it, e.g. "16 channels with avx512 (in 98% of resamples)"."""
        share = share_of([self], lambda period: period == self.channels)
        what = f"{self.channels} channels" if self.channels else "no clear period"
        return f"{what} with {self.arm} (in {share:.0%} of resamples)"


def arm_periods(arms: Mapping[str, Sequence[Record]]) -> list[ArmPeriod]:
    """The period of each arm that has rows of enough widths; resampled alike in all arms of one run.

    Args:
        arms: by the arm's name its rows, which differ in their width alone.
    """
    usable = {arm: sorted(filter(can_bootstrap, records), key=_width) for arm, records in arms.items()}
    usable = {arm: records for arm, records in usable.items() if len(records) >= MIN_WIDTHS}
    if not usable:
        return []
    latencies = bootstrap_latencies_ms([r for records in usable.values() for r in records], resamples=RESAMPLES)
    found, start = [], 0
    for arm, records in usable.items():
        own = latencies[start : start + len(records)]
        start += len(records)
        widths = [_width(record) for record in records]
        intervals = [_measurement(record).undisturbed for record in records]
        estimate, low, high = (
            np.array([getattr(interval, end) for interval in intervals]) for end in ("estimate", "low", "high")
        )
        macs = [record.cost.macs if record.cost else 0 for record in records]
        periods = [cliff_period(widths, drawn, low / estimate * drawn, high / estimate * drawn) for drawn in own.T]
        found.append(
            ArmPeriod(
                arm=arm,
                curve=analyse(arm, widths, estimate, low, high, macs),
                resampled=tuple(period.channels if period else None for period in periods),
                loads=min(_measurement(record).loads for record in records),
                half_width_share=float(np.median((high - low) / 2 / estimate)),
                noisy=sum(_measurement(record).noisy for record in records),
            )
        )
    return found


def share_of(arms: Sequence[ArmPeriod], holds: Callable[..., bool]) -> float:
    """The share of resamples in which `holds` is true of the arms' periods, which are its arguments."""
    draws = list(zip(*(arm.resampled for arm in arms), strict=True))
    return sum(bool(holds(*periods)) for periods in draws) / len(draws)


def _width(record: Record) -> int:
    return int(record.axes["width"])


def _measurement(record: Record) -> Measurement:
    assert record.measurement is not None  # it can be resampled
    return record.measurement
