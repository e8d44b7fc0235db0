"""Run a gate: measure, decide, and confirm what looks slower."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from microbench.errors import InputError
from microbench.gate.decision import GateVerdict, StageEstimate, StageResult, decide, estimate_stage, judge_stage
from microbench.gate.differences import differences
from microbench.gate.ledger import Ledger
from microbench.gate.ledger_line import ProcessLine
from microbench.gate.onnx_file import OnnxFile
from microbench.gate.plan import CONFIRMATION, FIRST, GatePlan
from microbench.gate.processes import GateIdentity, ProcessRunner, Progress, no_progress
from microbench.gate.reason import Reason, ReasonCode
from microbench.gate.replicate import BASE, HEAD, Replicate
from microbench.gate.result import GateResult, WorkloadResult
from microbench.gate.stage import measure_stage

_OUTPUTS_DIFFER = 1e-3
"""From this share on, the outputs' difference is reported."""
_MOST_NAMES = 5
"""In an error message."""


def run(plan: GatePlan, ledger: Ledger, on_progress: Progress = no_progress) -> GateResult:
    """Measure and decide.

    Args:
        plan: what to compare.
        ledger: keeps the processes. A gate of the same plan that it has is resumed, or, if complete, decided again
            from what was measured, unless the plan is to measure afresh.
        on_progress: called before each process.

    Raises:
        InputError: the sides have no workload in common, or too many for so few processes, or the ledger cannot be
            written.
    """
    pairs = plan.comparable
    left_out = _not_comparable(plan)
    if not pairs:
        raise InputError(
            "base and head have no workload in common that can be compared: "
            + "; ".join(f"{own.name}: {own.reason.message}" for own in left_out[:_MOST_NAMES])
            + (f"; and {len(left_out) - _MOST_NAMES} more" if len(left_out) > _MOST_NAMES else "")
        )
    plan.require_power()
    key = plan.key()
    name = plan.name or (None if plan.fresh else ledger.latest_gate(key)) or _new_name()
    runner = ProcessRunner(GateIdentity(name, key, plan.configuration, plan.sampling, plan.pythons), ledger)
    lines_before = len(ledger.lines)
    stages: dict[str, dict[str, list[Replicate]]] = {FIRST: {}, CONFIRMATION: {}}

    def measure(stage: str, names: Sequence[str]) -> dict[str, StageEstimate]:
        stages[stage] = measure_stage(plan, runner, stage, names, on_progress)
        return {own: estimate_stage(replicates) for own, replicates in stages[stage].items()}

    def confirm(suspected: Sequence[str]) -> dict[str, StageEstimate]:
        return measure(CONFIRMATION, suspected)

    # First stage, and confirmation of what looks slower
    decisions = decide(measure(FIRST, list(pairs)), confirm if plan.processes(CONFIRMATION) else None, plan.rule)

    # Put together
    walls = _by_wall_clock(stages, plan)
    lines = list(ledger.of_gate(name))
    versions = _version_change(lines)
    compared = [
        WorkloadResult(
            own,
            decision.verdict,
            decision.reason,
            (*versions, *differences(*pairs[own]), *_output_difference(stages[FIRST][own])),
            decision,
            walls[own],
            {stage: by_workload[own] for stage, by_workload in stages.items() if own in by_workload},
        )
        for own, decision in decisions.items()
        if own not in runner.failures
    ]
    failed = [_not_compared(own, ReasonCode.FAILED, error) for own, error in runner.failures.items()]
    pressures = [line["pressure_share"] for line in lines if line["pressure_share"] is not None]
    return GateResult(
        name,
        plan,
        tuple(sorted([*compared, *failed, *left_out], key=lambda workload: workload.name)),
        sum(line["took_s"] for line in lines),
        lines_before == len(ledger.lines),
        max(pressures, default=None),
    )


def _new_name() -> str:
    """A name that no other gate has."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}-{secrets.token_hex(2)}"


def _by_wall_clock(stages: Mapping[str, Mapping[str, Sequence[Replicate]]], plan: GatePlan) -> dict[str, StageResult]:
    """The results by the wall clock, from the processes of both stages together."""
    pooled = {
        name: estimate_stage([one.by_wall_clock for one in (*own, *stages[CONFIRMATION].get(name, ()))])
        for name, own in stages[FIRST].items()
    }
    return judge_stage(pooled, plan.rule)


def _version_change(lines: Sequence[ProcessLine]) -> tuple[str, ...]:
    """The runtime's versions, if the sides have one each and they differ."""
    by_side: dict[str, Any] = {line["side"]: line for line in lines}
    if BASE not in by_side or HEAD not in by_side:
        return ()
    before, after = (by_side[side]["runtime_version"] for side in (BASE, HEAD))
    return () if before == after else (f"{by_side[BASE]['configuration']['runtime']} {before} → {after}",)


def _output_difference(replicates: Sequence[Replicate]) -> tuple[str, ...]:
    found = [one.output_difference for one in replicates if one.output_difference is not None]
    largest = max(found, default=0.0)
    return (f"outputs differ by {largest:.2g} of their size",) if largest > _OUTPUTS_DIFFER else ()


def _not_comparable(plan: GatePlan) -> list[WorkloadResult]:
    """Workloads that only one side has, that cannot be used, or that take other inputs."""
    found = {}
    only_in = {"base": ReasonCode.ONLY_IN_BASE, "head": ReasonCode.ONLY_IN_HEAD}
    for role, side, other in (("base", plan.base, plan.head), ("head", plan.head, plan.base)):
        for name in side.models:
            if name not in other.models and name not in other.refused:
                found[name] = _not_compared(name, only_in[role], f"only in {role}")
        for name, error in side.refused.items():
            found[name] = _not_compared(name, ReasonCode.UNUSABLE_MODEL, f"{role}: {error}")
    for name, base in plan.base.models.items():
        head = plan.head.models.get(name)
        if head is not None and head.inputs != base.inputs:
            message = f"inputs differ: base takes {_input_list(base)}, head {_input_list(head)}"
            found[name] = _not_compared(name, ReasonCode.INPUTS_DIFFER, message)
    return list(found.values())


def _not_compared(workload: str, code: ReasonCode, message: str) -> WorkloadResult:
    return WorkloadResult(workload, GateVerdict.NOT_COMPARED, Reason(code, message))


def _input_list(model: OnnxFile) -> str:
    return ", ".join(f"{name} {model_input}" for name, model_input in model.inputs.items())
