"""How the gate samples. The defaults are those whose error rates were measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from microbench.errors import InputError

FEWEST_PROCESSES = 6
"""Fewer replicates have no 95% interval; see `statistics.hodges_lehmann_interval`."""
MOST_PROCESSES = 1000
"""A gate of more would take days."""

_FIRST_WORKLOAD_S = 60.0
_FURTHER_WORKLOAD_S = 240 / 9
_START_UP_S = 0.5
"""Of a process: the interpreter, NumPy and the runtime."""


@dataclass(frozen=True)
class SamplingPlan:
    """How many fresh processes measure, and how many windows each of them takes."""

    processes: int = 12
    """Fresh processes a stage, one replicate each: a process keeps the memory layout that it drew to its end."""
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
        """Refuse a plan whose samples would say nothing."""
        if self.processes < FEWEST_PROCESSES:
            raise InputError(
                f"processes must be at least {FEWEST_PROCESSES}, as fewer have no 95% interval, not {self.processes!r}."
            )
        if self.processes > MOST_PROCESSES:
            raise InputError(f"processes must be at most {MOST_PROCESSES}, not {self.processes!r}.")
        if not 1 <= self.fewest_triples <= self.triples:
            raise InputError("fewest_triples must be at least 1 and at most triples.")
        if self.min_window_ms <= 0 or self.warm_up_ms <= 0 or self.budget_s <= 0:
            raise InputError("min_window_ms, warm_up_ms and budget_s must be positive.")

    def for_suite(self, workloads: int) -> SamplingPlan:
        """The same plan with the budget that ends a gate of so many workloads in time, confirmation included.

        With 12 processes a stage one workload takes a minute at most and ten take five, as long as a run of the model
        is faster than 20 ms, since the fewest triples are always taken. More processes take proportionally longer.

        >>> SamplingPlan().for_suite(1).budget_s
        1.55
        """
        limit_s = _FIRST_WORKLOAD_S + (workloads - 1) * _FURTHER_WORKLOAD_S
        process_s = limit_s / (2 * SamplingPlan.processes) - _START_UP_S
        warm_up_s = self.warm_up_ms / 1e3
        return replace(self, budget_s=max(process_s / workloads - 3 * warm_up_s, warm_up_s))
