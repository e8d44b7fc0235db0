"""A principle's reason from those of its claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from microbench.report.verdicts.claim import Claim, judge_together
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.rivals import Judgement
from microbench.report.verdicts.verdict import Missing, Verdict

_CODES: dict[Judgement, ReasonCode] = {
    "holds": ReasonCode.CLAIMS_HOLD,
    "fails": ReasonCode.CLAIM_FAILS,
    "tied": ReasonCode.CLAIMS_TIED,
    "undecided": ReasonCode.CLAIM_UNDECIDED,
}


def summary_reason(speed: Sequence[Claim], accurate: Claim | None = None) -> Reason:
    """The reason of the claim about speed that decides, and that of the claim about accuracy.

    Args:
        speed: at least one claim.
        accurate: None for a principle that accuracy has no part in.
    """
    claims = [*speed, *([accurate] if accurate else [])]
    judgement = judge_together(claims)
    together = judge_together(speed)
    first = next(claim for claim in speed if claim.judgement == together)
    message = f"Speed: {first.reason.message}"
    if accurate is not None:
        message += f". Accuracy: {accurate.reason.message}"
    return Reason(_CODES[judgement], message, {"speed": together, "accuracy": accurate.judgement if accurate else ""})


def not_measured(
    principle: Literal["block", "widths", "interaction"], text: str, message: str, missing: Sequence[Missing]
) -> Verdict:
    """The verdict on a principle of which nothing was measured."""
    reason = Reason(ReasonCode.NOT_MEASURED, message[0].upper() + message[1:])
    return Verdict(principle, text, "undecided", (), reason, (), (), tuple(missing))
