"""An estimate and its confidence interval: the one type for both across the house."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% confidence interval, all three in the unit of what is estimated.

    Bounds of 0 or minus infinity, and infinity, mean that nothing is known of the bound.

    >>> ratio = Interval(1.05, 1.02, 1.08)
    >>> ratio.excludes(1.0)
    True
    >>> round(ratio.half_width_share, 3)
    0.029
    """

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2

    @property
    def half_width_share(self) -> float:
        """Half the interval's width as a share of the estimate: 0.01 reads "within 1%"."""
        return self.half_width / self.estimate

    def excludes(self, value: float) -> bool:
        """True if `value` lies outside of the interval."""
        return not self.low <= value <= self.high

    def scaled(self, factor: float) -> Interval:
        """The same in another unit: all three times a positive `factor`.

        >>> Interval(2.0, 1.9, 2.2).scaled(1000)
        Interval(estimate=2000.0, low=1900.0, high=2200.0)
        """
        return Interval(self.estimate * factor, self.low * factor, self.high * factor)
