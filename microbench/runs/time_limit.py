"""A limit on a run's time that is kept by not beginning what would not end within it."""

from __future__ import annotations

import math
import time

from microbench.errors import InputError
from microbench.measure.sampler import Policy
from microbench.runtimes import Runtime

_LOAD_S = 0.3
"""What loading a model, checking its output and warming it up may take each time."""
_BUILD_S = {False: 20.0, True: 90.0}
"""What TensorRT may take to build an engine of a block, or of a whole network: for a first estimate."""
_ROWS_AT_A_TIME = 8
"""Rows are recorded as they end; so many are sampled side by side, that a limit can cut between them."""


def expected_row_s(policy: Policy, runtime: Runtime) -> float:
    """A first estimate of the time of a row whose engines are built, rather too long than too short."""
    return policy.row_budget_s + max(policy.min_generations, runtime.min_builds) * _LOAD_S


def expected_build_s(*, whole_network: bool) -> float:
    """A first estimate of the time to build an engine."""
    return _BUILD_S[whole_network]


class TimeLimit:
    """How much of a run's time is left, by a clock that runs from construction on.

    Estimates are corrected by what the parts of this run took; the first part is one row.
    """

    def __init__(self, minutes: float) -> None:
        """`minutes` from now.

        Raises:
            InputError: it is not a positive number.
        """
        if not 0 < minutes < math.inf:
            raise InputError(f"max-minutes must be a positive number, not {minutes!r}.")
        self._limit_s = minutes * 60
        self._start_s = time.monotonic()
        self._expected_s = 0.0
        self._spent_s = 0.0
        self.rows_left = 0
        """Rows, or engines, that were not begun."""

    @property
    def left_s(self) -> float:
        """What is left of it, not less than 0."""
        return max(self._limit_s - (time.monotonic() - self._start_s), 0.0)

    def fitting(self, expected_s: list[float]) -> int:
        """How many of the next things to do, in their order, end within the limit by what is known.

        The very first one is begun on half of the limit, whatever its estimate: else nothing would ever be done.
        """
        factor = self._spent_s / self._expected_s if self._expected_s else 1.0
        left_s, count = self.left_s, 0
        for seconds in expected_s[: _ROWS_AT_A_TIME if self._expected_s else 1]:
            left_s -= factor * seconds
            if left_s < 0:
                break
            count += 1
        if not count and expected_s and not self._expected_s and self.left_s > self._limit_s / 2:
            return 1
        return count

    def spent(self, expected_s: float, seconds: float) -> None:
        """Learn from something that was expected to take `expected_s` and took `seconds`."""
        self._expected_s += expected_s
        self._spent_s += seconds
