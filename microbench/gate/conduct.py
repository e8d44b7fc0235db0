"""The gate itself: two sides in, a verdict for each workload out."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from microbench.errors import InputError
from microbench.gate.artefact import Artefact, causes
from microbench.gate.deltas import AGAIN, BASE, HEAD, Replicate, of_block, of_triples
from microbench.gate.judgement import Decision, Evidence, Finding, Verdict, decide_all, judge, weigh
from microbench.gate.ledger import Ledger
from microbench.gate.policy import Policy
from microbench.gate.replicates import Crew, Muster, Part
from microbench.gate.sampling import Arm, Task
from microbench.gate.sides import Side
from microbench.measure.environment import fingerprint
from microbench.measure.record import Configuration
from microbench.runtimes import get

FIRST, CONFIRMATION = "first", "confirmation"
_LOADS_OF_A_SIDE = 3
"""Where a process has one side alone, so many loads of its model share what one load's memory layout does."""
_BLOCK = (BASE, HEAD, HEAD, BASE)
_OUTPUTS_DIFFER = 1e-3
"""From this share on, the outputs' difference is told."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Plan:
    """What is held against what, and how."""

    base: Side
    head: Side
    configuration: Configuration
    policy: Policy = field(default_factory=Policy)
    pythons: Mapping[str, str] = field(default_factory=dict)
    """Interpreters by side, if the sides have one each; then no process has both sides in it."""
    fresh: bool = False
    """Measure anew, even if a gate of the same plan was begun or ended before."""
    gate: str | None = None
    """Its name; if None, that of the gate that is gone on with, or a new one."""

    @property
    def apart(self) -> bool:
        """Whether each side runs in processes of its own."""
        return bool(self.pythons)

    @property
    def comparable(self) -> dict[str, tuple[Artefact, Artefact]]:
        """The models that both sides have with the same inputs."""
        return {
            name: (base, self.head.models[name])
            for name, base in self.base.models.items()
            if name in self.head.models and self.head.models[name].inputs == base.inputs
        }

    def key(self) -> str:
        """Equal where what was measured before may be gone on with: the same files, sampled in the same way here."""
        identity = {
            "models": {name: [side.sha256 for side in pair] for name, pair in self.comparable.items()},
            "inputs": {name: pair[0].inputs for name, pair in self.comparable.items()},
            "configuration": asdict(self.configuration),
            "sampling": asdict(self.policy.sampling),
            "pythons": dict(self.pythons),
            "host": fingerprint().host,
            "version": get(self.configuration.runtime).version(),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """A workload's outcome."""

    workload: str
    verdict: Verdict
    reason: str
    causes: tuple[str, ...] = ()
    decision: Decision | None = None
    """None if it was not compared."""
    wall: Finding | None = None
    """By the shortest window of the wall clock: told, and no part of the verdict."""
    stages: Mapping[str, Sequence[Replicate]] = field(default_factory=dict)
    unmatched: bool = False
    """Whether only one side has it."""


@dataclass(frozen=True)
class Outcome:
    """The gate's outcome."""

    gate: str
    plan: Plan
    rows: tuple[Row, ...]
    took_s: float
    """Of measuring, earlier parts of a resumed gate included."""
    recorded_before: bool
    """Whether nothing was measured now, as the same gate lay whole in the ledger."""
    pressure_share: float | None
    """Largest share of a process's time during which some task of the machine waited for a core."""

    def of(self, verdict: Verdict) -> list[Row]:
        """The rows with this verdict."""
        return [row for row in self.rows if row.verdict is verdict]


def conduct(plan: Plan, ledger: Ledger, on_progress: Progress = lambda *_: None) -> Outcome:
    """Measure and judge.

    Args:
        plan: what to do.
        ledger: where the processes are kept. A gate of the same plan that it holds is gone on with, or judged anew if
            it is whole, unless the plan is to measure afresh.
        on_progress: called with the stage and its share done, 0 to 1.

    Raises:
        InputError: the sides have no workload in common, or too many for so few processes, or the ledger cannot be
            written.
    """
    pairs = plan.comparable
    if not pairs:
        raise InputError(
            "base and head have no workload in common that can be compared: "
            + "; ".join(f"{row.workload}: {row.reason}" for row in _left_out(plan))
        )
    plan.policy.rule.require_power(plan.policy.sampling.processes, len(pairs))
    key = plan.key()
    gate = plan.gate or (None if plan.fresh else ledger.latest_gate(key)) or _new_name()
    crew = Crew(gate, key, plan.configuration, plan.policy.sampling, plan.pythons)
    muster = Muster(crew, ledger)
    lines_before = len(ledger.lines)
    stages: dict[str, dict[str, list[Replicate]]] = {FIRST: {}, CONFIRMATION: {}}

    def measure(stage: str, names: Sequence[str]) -> dict[str, Evidence]:
        stages[stage] = _stage(plan, muster, stage, names, on_progress)
        return {name: weigh(found) for name, found in stages[stage].items()}

    first = measure(FIRST, list(pairs))
    decisions = decide_all(first, lambda suspected: measure(CONFIRMATION, suspected), plan.policy.rule)
    walls = _wall_findings(stages, plan)
    versions = _versions(ledger, crew.gate)
    rows = [
        Row(
            name,
            decision.verdict,
            decision.reason,
            (*versions, *causes(*pairs[name]), *_outputs(stages[FIRST][name])),
            decision,
            walls[name],
            {stage: own[name] for stage, own in stages.items() if name in own},
        )
        for name, decision in decisions.items()
        if name not in muster.failures
    ]
    failed = [Row(name, Verdict.NOT_COMPARED, reason) for name, reason in muster.failures.items()]
    lines = list(ledger.of_gate(crew.gate))
    pressures = [line["pressure_share"] for line in lines if line["pressure_share"] is not None]
    return Outcome(
        crew.gate,
        plan,
        tuple(sorted([*rows, *failed, *_left_out(plan)], key=lambda row: row.workload)),
        sum(line["took_s"] for line in lines),
        lines_before == len(ledger.lines),
        max(pressures, default=None),
    )


def _new_name() -> str:
    """A name for a gate that no other has."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}-{secrets.token_hex(2)}"


def triple(name: str, base: Artefact, head: Artefact, one_more_in: int | None = None) -> Task:
    """The three arms that a process with both sides times; `one_more_in` injects a slowdown into the head."""
    paths = [str(base.path), str(base.path), str(head.path)]
    arms = [Arm(BASE, paths[0], 0), Arm(AGAIN, paths[1], 1), Arm(HEAD, paths[2], 2, one_more_in)]
    return Task(name, base.inputs, arms)


def _loads(name: str, model: Artefact) -> Task:
    """The arms of a process with one side alone."""
    return Task(name, model.inputs, [Arm(f"load {i}", str(model.path), i) for i in range(_LOADS_OF_A_SIDE)])


def _stage(
    plan: Plan, muster: Muster, stage: str, names: Sequence[str], on_progress: Progress
) -> dict[str, list[Replicate]]:
    """A stage's replicates of the workloads called `names`; one that failed is missing."""
    pairs = {name: plan.comparable[name] for name in names}
    processes = plan.policy.sampling.processes
    if not plan.apart:
        tasks = {"both": [triple(name, *pair) for name, pair in pairs.items()]}
        found = muster.run([Part(stage, i) for i in range(processes)], tasks, on_progress)
        return {name: [of_triples(arms) for arms in found[name].values()] for name in names if name in found}
    tasks = {
        side: [_loads(name, pair[index]) for name, pair in pairs.items()] for index, side in enumerate((BASE, HEAD))
    }
    blocks = [list(_block(stage, i, muster.crew.gate)) for i in range(processes)]
    found = muster.run([part for block in blocks for part in block], tasks, on_progress)
    return {
        name: [of_block([part.side for part in block], [found[name][part] for part in block]) for block in blocks]
        for name in names
        if name in found
    }


def _block(stage: str, replicate: int, gate: str) -> Iterator[Part]:
    """ABBA or BAAB by chance, but the same again when the gate is gone on with."""
    seed = hashlib.sha256(f"{gate} {stage} {replicate}".encode()).digest()
    swapped = np.random.default_rng(list(seed)).integers(2)
    for position, side in enumerate(_BLOCK):
        yield Part(stage, replicate, position, {BASE: HEAD, HEAD: BASE}[side] if swapped else side)


def _wall_findings(stages: Mapping[str, Mapping[str, Sequence[Replicate]]], plan: Plan) -> dict[str, Finding]:
    """By the wall clock, from all processes of each workload together."""
    pooled = {
        name: weigh([one.wall for one in (*own, *stages[CONFIRMATION].get(name, ()))])
        for name, own in stages[FIRST].items()
    }
    return judge(pooled, plan.policy.rule)


def _versions(ledger: Ledger, gate: str) -> tuple[str, ...]:
    """The runtime's versions where the sides have one each, and they differ."""
    by_side: dict[str, Any] = {line["side"]: line for line in ledger.of_gate(gate)}
    if BASE not in by_side or HEAD not in by_side:
        return ()
    before, after = (by_side[side]["runtime_version"] for side in (BASE, HEAD))
    return () if before == after else (f"{by_side[BASE]['configuration']['runtime']} {before} → {after}",)


def _outputs(replicates: Sequence[Replicate]) -> tuple[str, ...]:
    differences = [one.output_difference for one in replicates if one.output_difference is not None]
    largest = max(differences, default=0.0)
    return (f"outputs differ by {largest:.2g} of their size",) if largest > _OUTPUTS_DIFFER else ()


def _left_out(plan: Plan) -> list[Row]:
    """What is on one side only, cannot be used, or takes other inputs, each with its reason."""
    unmatched = {}
    reasons = {}
    for role, side, other in (("base", plan.base, plan.head), ("head", plan.head, plan.base)):
        for name in side.models:
            if name not in other.models and name not in other.refused:
                unmatched[name] = f"only in {role}"
        reasons.update({name: f"{role}: {reason}" for name, reason in side.refused.items()})
    for name, base in plan.base.models.items():
        head = plan.head.models.get(name)
        if head is not None and head.inputs != base.inputs:
            reasons[name] = f"inputs differ: base takes {_inputs(base)}, head {_inputs(head)}"
    return [
        *(Row(name, Verdict.NOT_COMPARED, reason, unmatched=True) for name, reason in unmatched.items()),
        *(Row(name, Verdict.NOT_COMPARED, reason) for name, reason in reasons.items()),
    ]


def _inputs(model: Artefact) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in model.inputs.items())
