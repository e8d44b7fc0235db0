"""The gate's error rates from a pool of processes: whole gates are drawn from it and decided by the gate's own rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microbench.errors import InputError
from microbench.gate.decision import GateVerdict, StageEstimate, decide, estimate_stage
from microbench.gate.decision_rule import DecisionRule
from microbench.gate.replicate import Replicate

Pool = Mapping[str, Mapping[float, Sequence[Replicate]]]
"""By workload and injected slowdown (0.05 is 5%, 0 is none): one replicate a process, processes in the same order."""

ANY = "any of the suite"


@dataclass(frozen=True)
class DetectionRate:
    """How often gates call one workload slower at one true slowdown."""

    workload: str
    slowdown: float
    gates: int
    slower: int
    inconclusive: int

    @property
    def slower_share(self) -> float:
        """The false-alarm rate if nothing was injected, and the power if something was."""
        return self.slower / self.gates

    @property
    def inconclusive_share(self) -> float:
        """Of all gates."""
        return self.inconclusive / self.gates


def require_pool(size: int, processes: int) -> None:
    """Refuse a pool that is too small for one gate.

    Raises:
        InputError: there are fewer than two stages of `processes` processes.
    """
    if size < 2 * processes:
        raise InputError(f"pool must be at least {2 * processes} processes, for two stages of a gate, not {size}.")


def detection_rates(
    pool: Pool, rule: DecisionRule, *, processes: int, gates: int, seed: int = 0
) -> list[DetectionRate]:
    """Draw and decide `gates` gates at each slowdown.

    A gate takes two stages of `processes` replicates, none of them twice. All workloads of a gate come from the same
    processes, as in a real one. If one workload has a slowdown, the others have none, which gives its p-value the
    largest adjustment. Gates from one pool share processes, so that the rates are less certain than those of as many
    real gates.

    Args:
        pool: what was measured.
        rule: the gate's.
        processes: replicates a stage.
        gates: at each slowdown.
        seed: of the drawing.

    Returns:
        One rate for each workload and slowdown and, for several workloads without a slowdown, one of all together, in
        which a gate is slower if any of them is.

    Raises:
        InputError: the pool has too few processes for a gate with its confirmation.
    """
    size = min((len(own) for by_slowdown in pool.values() for own in by_slowdown.values()), default=0)
    require_pool(size, processes)
    rng = np.random.default_rng(seed)
    counts: dict[tuple[str, float], list[GateVerdict]] = {}
    for _ in range(gates):
        drawn = rng.permutation(size)[: 2 * processes].tolist()
        gate = _DrawnGate(pool, (drawn[:processes], drawn[processes:]), rule)
        unchanged = gate.verdicts({})
        counts.setdefault((ANY, 0.0), []).append(_worst(unchanged.values()))
        for workload, by_slowdown in pool.items():
            counts.setdefault((workload, 0.0), []).append(unchanged[workload])
            for slowdown in by_slowdown:
                if slowdown:
                    verdict = gate.verdicts({workload: slowdown})[workload]
                    counts.setdefault((workload, slowdown), []).append(verdict)
    if len(pool) == 1:
        del counts[ANY, 0.0]
    return [
        DetectionRate(*key, len(found), found.count(GateVerdict.SLOWER), found.count(GateVerdict.INCONCLUSIVE))
        for key, found in sorted(counts.items(), key=lambda item: (item[0][0] == ANY, item[0]))
    ]


class _DrawnGate:
    """A gate whose processes are drawn; estimates are kept, as many decisions share them."""

    def __init__(self, pool: Pool, stages: tuple[list[int], list[int]], rule: DecisionRule) -> None:
        self._pool = pool
        self._stages = stages
        self._rule = rule
        self._estimates: dict[tuple[str, float, int], StageEstimate] = {}

    def verdicts(self, slowdowns: Mapping[str, float]) -> dict[str, GateVerdict]:
        """Each workload's verdict if those named have these slowdowns, and the others none."""

        def estimate(workload: str, stage: int) -> StageEstimate:
            return self._estimate(workload, slowdowns.get(workload, 0.0), stage)

        decisions = decide(
            {workload: estimate(workload, 0) for workload in self._pool},
            lambda suspected: {workload: estimate(workload, 1) for workload in suspected},
            self._rule,
        )
        return {workload: decision.verdict for workload, decision in decisions.items()}

    def _estimate(self, workload: str, slowdown: float, stage: int) -> StageEstimate:
        key = (workload, slowdown, stage)
        if key not in self._estimates:
            own = self._pool[workload][slowdown]
            self._estimates[key] = estimate_stage([own[index] for index in self._stages[stage]])
        return self._estimates[key]


def _worst(verdicts: Iterable[GateVerdict]) -> GateVerdict:
    found = set(verdicts)
    order = (GateVerdict.SLOWER, GateVerdict.INCONCLUSIVE, GateVerdict.PASS)
    return next(verdict for verdict in order if verdict in found)
