"""How `microbench gate` ends."""

from __future__ import annotations

from microbench.errors import EXIT_BAD_INPUT
from microbench.gate.conduct import Outcome
from microbench.gate.judgement import Verdict

EXIT_PASS = 0
EXIT_SLOWER = 1
EXIT_INCONCLUSIVE = 3
"""Bad input, and workloads that could not be compared, are 2, as in all commands."""


def exit_code(outcome: Outcome, *, allow_unmatched: bool) -> int:
    """Slower before not compared before inconclusive before pass.

    Args:
        outcome: of the gate.
        allow_unmatched: a workload that only one side has is told, and does not count.
    """
    if outcome.of(Verdict.SLOWER):
        return EXIT_SLOWER
    if any(not (row.unmatched and allow_unmatched) for row in outcome.of(Verdict.NOT_COMPARED)):
        return EXIT_BAD_INPUT
    return EXIT_INCONCLUSIVE if outcome.of(Verdict.INCONCLUSIVE) else EXIT_PASS
