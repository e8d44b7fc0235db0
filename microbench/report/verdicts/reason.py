"""Why a claim or a verdict came out as it did: a code for programs and tests, a message for people."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ReasonCode(enum.StrEnum):
    """Every reason that a claim, a verdict or a doubt can have."""

    # Of comparisons with rivals
    AHEAD = "ahead"
    """Ahead of every rival by more than chance."""
    BEHIND = "behind"
    """A named rival is ahead by more than chance."""
    TIED = "tied"
    """Behind no rival, and equal to at least one within the margin."""
    NOT_SEPARATED = "not_separated"
    """The interval allows both orders."""
    TOO_FEW_LOADS = "too_few_loads"
    TOO_NOISY = "too_noisy"
    """The interval of the comparison is wider than any order may be read from."""
    # Of widths
    RULE_FOLLOWED = "rule_followed"
    EXPECTED_WIDTH_IS_NO_SWEET_SPOT = "expected_width_is_no_sweet_spot"
    OTHER_WIDTH_IS_A_SWEET_SPOT = "other_width_is_a_sweet_spot"
    # Of accuracy
    NOT_TRAINED = "not_trained"
    TRAINED_ONCE = "trained_once"
    # Of whole verdicts
    CLAIMS_HOLD = "claims_hold"
    CLAIM_FAILS = "claim_fails"
    CLAIMS_TIED = "claims_tied"
    CLAIM_UNDECIDED = "claim_undecided"
    NOT_MEASURED = "not_measured"
    # Doubts about rows
    NOT_CONVERGED = "not_converged"
    NOISY_ROWS = "noisy_rows"
    DIFFERENT_RUNS = "different_runs"


@dataclass(frozen=True)
class Reason:
    """One reason."""

    code: ReasonCode
    message: str
    """One sentence or clause, without a full stop."""
    values: Mapping[str, str | float] = field(default_factory=dict)
    """What the message says in numbers and names."""

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"code": self.code.value, "message": self.message, "values": dict(self.values)}
