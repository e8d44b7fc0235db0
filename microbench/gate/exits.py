"""The exit codes of `microbench gate`."""

from __future__ import annotations

from microbench.errors import EXIT_BAD_INPUT
from microbench.gate.decision import GateVerdict
from microbench.gate.result import GateResult

EXIT_PASS = 0
EXIT_SLOWER = 1
EXIT_INCONCLUSIVE = 3
"""Bad input, and workloads that could not be compared, are 2, as in all commands."""


def exit_code(result: GateResult, *, allow_unmatched: bool) -> int:
    """The code of the worst outcome: slower, then not compared, then inconclusive, then pass.

    Args:
        result: of the gate.
        allow_unmatched: whether a workload that only one side has is reported without failing.
    """
    if result.having(GateVerdict.SLOWER):
        return EXIT_SLOWER
    if any(not (own.unmatched and allow_unmatched) for own in result.having(GateVerdict.NOT_COMPARED)):
        return EXIT_BAD_INPUT
    return EXIT_INCONCLUSIVE if result.having(GateVerdict.INCONCLUSIVE) else EXIT_PASS
