"""What a gate found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from microbench.gate.decision import Decision, GateVerdict, StageResult
from microbench.gate.plan import GatePlan
from microbench.gate.reason import Reason, ReasonCode
from microbench.gate.replicate import Replicate


@dataclass(frozen=True)
class WorkloadResult:
    """One workload's outcome."""

    name: str
    """Of the workload."""
    verdict: GateVerdict
    reason: Reason
    differences: tuple[str, ...] = ()
    """Between the two models, their runtimes and their outputs: possible causes, in words."""
    decision: Decision | None = None
    """None if it was not compared."""
    wall: StageResult | None = None
    """By the shortest windows of the wall clock: reported, but no part of the verdict."""
    stages: Mapping[str, Sequence[Replicate]] = field(default_factory=dict)

    @property
    def unmatched(self) -> bool:
        """Whether only one side has the workload."""
        return self.reason.code in (ReasonCode.ONLY_IN_BASE, ReasonCode.ONLY_IN_HEAD)


@dataclass(frozen=True)
class GateResult:
    """The outcome of a whole gate."""

    name: str
    plan: GatePlan
    workloads: tuple[WorkloadResult, ...]
    took_s: float
    """Of all its processes, those before a resumption included."""
    from_ledger: bool
    """True if every process came from the ledger and nothing was measured."""
    pressure_share: float | None
    """The largest share of a process's time during which some task of the machine waited for a core."""

    def having(self, verdict: GateVerdict) -> list[WorkloadResult]:
        """The workloads with this verdict."""
        return [workload for workload in self.workloads if workload.verdict is verdict]
