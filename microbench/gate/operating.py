"""The gate's error rates from a pool of processes: gates are drawn from it, and judged by the gate's own rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microbench.errors import InputError
from microbench.gate.deltas import Replicate
from microbench.gate.judgement import Evidence, Verdict, decide_all, weigh
from microbench.gate.policy import Rule

Pool = Mapping[str, Mapping[float, Sequence[Replicate]]]
"""By workload and injected slowdown (0.05 is 5%, 0 is none): one replicate a process, processes in the same order."""

ANY = "any of the suite"


@dataclass(frozen=True)
class OperatingPoint:
    """How gates on one true slowdown ended."""

    workload: str
    slowdown: float
    gates: int
    slower: int
    inconclusive: int

    @property
    def slower_share(self) -> float:
        """The false-alarm rate where nothing was injected, and the power where something was."""
        return self.slower / self.gates

    @property
    def inconclusive_share(self) -> float:
        """Of all gates."""
        return self.inconclusive / self.gates


def operating_points(pool: Pool, rule: Rule, *, processes: int, gates: int, seed: int = 0) -> list[OperatingPoint]:
    """Judge `gates` gates at each slowdown.

    A gate takes two stages of `processes` replicates, none of them twice. All workloads of a gate come from the same
    processes, as in a real one. With a slowdown in one workload the others have none, which leaves its p-value the
    largest adjustment. Gates from a pool share processes, so that the rates are less sure than as many real gates
    would make them.

    Args:
        pool: what was measured.
        rule: the gate's.
        processes: replicates a stage.
        gates: at each slowdown.
        seed: of the drawing.

    Returns:
        One for each workload and slowdown, and for several workloads without a slowdown one of all together, in which
        a gate is slower if any of them is.

    Raises:
        InputError: the pool has too few processes for a gate with its confirmation.
    """
    size = min((len(own) for by_slowdown in pool.values() for own in by_slowdown.values()), default=0)
    if size < 2 * processes:
        raise InputError(
            f"pool must be at least {2 * processes} processes, for a gate and its confirmation, not {size}."
        )
    rng = np.random.default_rng(seed)
    counts: dict[tuple[str, float], list[Verdict]] = {}
    for _ in range(gates):
        drawn = rng.permutation(size)[: 2 * processes].tolist()
        gate = _DrawnGate(pool, (drawn[:processes], drawn[processes:]), rule)
        unharmed = gate.verdicts({})
        counts.setdefault((ANY, 0.0), []).append(_worst(unharmed.values()))
        for workload, by_slowdown in pool.items():
            counts.setdefault((workload, 0.0), []).append(unharmed[workload])
            for slowdown in by_slowdown:
                if slowdown:
                    verdict = gate.verdicts({workload: slowdown})[workload]
                    counts.setdefault((workload, slowdown), []).append(verdict)
    if len(pool) == 1:
        del counts[ANY, 0.0]
    return [
        OperatingPoint(*key, len(found), found.count(Verdict.SLOWER), found.count(Verdict.INCONCLUSIVE))
        for key, found in sorted(counts.items(), key=lambda item: (item[0][0] == ANY, item[0]))
    ]


class _DrawnGate:
    """A gate whose processes are drawn; what they say of a workload is weighed once for all that is asked of them."""

    def __init__(self, pool: Pool, stages: tuple[list[int], list[int]], rule: Rule) -> None:
        self._pool = pool
        self._stages = stages
        self._rule = rule
        self._weighed: dict[tuple[str, float, int], Evidence] = {}

    def verdicts(self, slowdowns: Mapping[str, float]) -> dict[str, Verdict]:
        """Each workload's verdict if those named have these slowdowns, and the others none."""

        def evidence(workload: str, stage: int) -> Evidence:
            return self._evidence(workload, slowdowns.get(workload, 0.0), stage)

        decisions = decide_all(
            {workload: evidence(workload, 0) for workload in self._pool},
            lambda suspected: {workload: evidence(workload, 1) for workload in suspected},
            self._rule,
        )
        return {workload: decision.verdict for workload, decision in decisions.items()}

    def _evidence(self, workload: str, slowdown: float, stage: int) -> Evidence:
        key = (workload, slowdown, stage)
        if key not in self._weighed:
            own = self._pool[workload][slowdown]
            self._weighed[key] = weigh([own[index] for index in self._stages[stage]])
        return self._weighed[key]


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    found = set(verdicts)
    return next(verdict for verdict in (Verdict.SLOWER, Verdict.INCONCLUSIVE, Verdict.PASS) if verdict in found)
