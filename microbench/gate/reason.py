"""Why a workload got its verdict: a code for programs and tests, and a message for people."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ReasonCode(enum.StrEnum):
    """Every reason that a verdict can have."""

    NO_DIFFERENCE = "no_difference"
    FASTER = "faster"
    WITHIN_LIMIT = "within_limit"
    """Slower, but by less than the limit."""
    NOT_SIGNIFICANT = "not_significant"
    """The estimate exceeds the limit, but the p-value does not allow a verdict."""
    NOT_CONFIRMED = "not_confirmed"
    """Slower in the first stage, not in the second."""
    ABOVE_LIMIT = "above_limit"
    """Slower in one stage."""
    CONFIRMED = "confirmed"
    """Slower in both stages."""
    CONFIRMATION_MISSING = "confirmation_missing"
    """Slower in the first stage, and the second has no evidence."""
    NULL_SHIFT = "null_shift"
    """The base, compared with itself, differs by too much."""
    WIDE_INTERVAL = "wide_interval"
    """The processes differ too widely."""
    ONLY_IN_BASE = "only_in_base"
    ONLY_IN_HEAD = "only_in_head"
    UNUSABLE_MODEL = "unusable_model"
    """A file that is not a model, or not one that the gate can run."""
    INPUTS_DIFFER = "inputs_differ"
    """The two models take other inputs, so that their times cannot be compared."""
    FAILED = "failed"
    """The runtime, or the process that it ran in, failed."""


@dataclass(frozen=True)
class Reason:
    """Why a workload got its verdict."""

    code: ReasonCode
    message: str
    """One clause, without a full stop."""
