"""The rule by which the gate decides. The defaults are those whose error rates were measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from microbench.errors import InputError


@dataclass(frozen=True)
class DecisionRule:
    """When a workload is slower, and when its measurement is inconclusive. Differences are of logarithms."""

    slower_than: float = 0.025
    """The estimated slowdown must exceed this (0.025 is 2.5%) ..."""
    significance: float = 0.01
    """... and the p-value, adjusted for the number of workloads, must lie below this."""
    max_null_shift: float = 0.015
    """Inconclusive if the base, compared with itself, differs by more, unless the head is slower by more than the limit
    even at the lower end of its interval less this difference."""
    max_half_width: float = 0.02
    """Inconclusive if the 95% interval is wider than plus or minus this, unless it lies above the limit or below 0."""

    def with_limit(self, limit: float) -> DecisionRule:
        """The same rule for another limit: all that is compared with a difference scales with it.

        So the error rates at a limit of 5% are those of the default on a machine with half the noise.

        Args:
            limit: the smallest slowdown to find, as a ratio above 1: 0.05 is 5%.

        Raises:
            InputError: it lies outside of 0.1% to 100%.

        >>> rule = DecisionRule().with_limit(0.05)
        >>> round(rule.slower_than, 4), round(rule.max_half_width, 3)
        (0.0488, 0.039)
        """
        if not 0.001 <= limit <= 1:
            raise InputError(f"limit must lie between 0.1 and 100 percent, not {limit * 100:g}.")
        factor = math.log1p(limit) / self.slower_than
        return replace(
            self,
            slower_than=self.slower_than * factor,
            max_null_shift=self.max_null_shift * factor,
            max_half_width=self.max_half_width * factor,
        )

    def require_power(self, processes: int, workloads: int) -> None:
        """Refuse a suite in which no slowdown, however large, could be significant.

        Raises:
            InputError: the smallest p-value that so many processes can give, 2^-processes, does not lie below the
                significance that is left to each of so many workloads.
        """
        if processes < self.fewest_processes(workloads):
            raise InputError(
                f"processes must be at least {self.fewest_processes(workloads)} for {workloads} workloads, as with "
                f"{processes} no slowdown could be significant."
            )

    def fewest_processes(self, workloads: int) -> int:
        """With how many processes a slowdown in one of so many workloads can be significant.

        >>> DecisionRule().fewest_processes(40), DecisionRule().fewest_processes(41)
        (12, 13)
        """
        return math.floor(math.log2(workloads / self.significance)) + 1
