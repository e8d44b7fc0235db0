"""How the gate samples and by which rule it judges. The figures are those whose error rates were measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from microbench.errors import InputError

_LIMIT_S = 60.0
_LIMIT_OF_A_FURTHER_S = 240 / 9
_START_UP_S = 0.5
"""Of a process: the interpreter, NumPy and the runtime."""


@dataclass(frozen=True)
class Sampling:
    """What is measured."""

    processes: int = 12
    """Fresh processes a stage: the replicates. What one drew, its memory layout say, it keeps to its end."""
    triples: int = 120
    """Windows of each arm in a process."""
    fewest_triples: int = 12
    """Taken however slow the model is."""
    min_window_ms: float = 2.0
    warm_up_ms: float = 150.0
    """Of each arm."""
    budget_s: float = 1.2
    """Wall clock of one workload's windows in one process, after which it ends with fewer triples; 120 take 0.8 s of a
    model faster than 2 ms on a quiet machine."""

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled by."""
        if self.processes < 6:
            raise InputError(f"processes must be at least 6, as fewer have no 95% interval, not {self.processes!r}.")
        if not 1 <= self.fewest_triples <= self.triples:
            raise InputError("fewest_triples must be at least 1 and at most triples.")
        if self.min_window_ms <= 0 or self.warm_up_ms <= 0 or self.budget_s <= 0:
            raise InputError("min_window_ms, warm_up_ms and budget_s must be positive.")

    def for_suite(self, workloads: int) -> Sampling:
        """With the budget that ends a gate of so many workloads in time, should all of them need the second stage.

        One takes a minute at most and ten take five, as long as a run of the model is faster than 20 ms: the fewest
        triples are taken of any.
        """
        limit_s = _LIMIT_S + (workloads - 1) * _LIMIT_OF_A_FURTHER_S
        process_s = limit_s / (2 * self.processes) - _START_UP_S
        return replace(self, budget_s=max(process_s / workloads - 3 * self.warm_up_ms / 1e3, self.warm_up_ms / 1e3))


@dataclass(frozen=True)
class Rule:
    """When a workload is slower, and when nothing can be said."""

    slower_than: float = 0.025
    """The estimated slowdown must exceed this, as a difference of logarithms (0.025 is 2.5%) ..."""
    significance: float = 0.01
    """... and the p-value, adjusted for the number of workloads, must lie below this."""
    max_null_shift: float = 0.015
    """The base held against itself must not differ by more."""
    max_half_width: float = 0.02
    """The 95% interval must not be wider than plus or minus this."""

    def require_power(self, processes: int, workloads: int) -> None:
        """Refuse a suite in which nothing could ever be found slower.

        Raises:
            InputError: the smallest p-value that so many processes can give, 2^-processes, does not lie below the
                significance that is left to each of so many workloads.
        """
        if workloads * 2.0**-processes >= self.significance:
            needed = math.floor(math.log2(workloads / self.significance)) + 1
            raise InputError(
                f"processes must be at least {needed} for {workloads} workloads, as with {processes} "
                "no slowdown could be significant."
            )


@dataclass(frozen=True)
class Policy:
    """Both."""

    sampling: Sampling = field(default_factory=Sampling)
    rule: Rule = field(default_factory=Rule)
