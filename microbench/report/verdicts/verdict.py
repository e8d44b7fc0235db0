"""What is reported about a principle: whether it holds here, what to take, what that costs, and why."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microbench.report.verdicts.claim import Claim
from microbench.report.verdicts.reason import Reason
from microbench.report.verdicts.rivals import Judgement


@dataclass(frozen=True)
class Missing:
    """What was not measured, and the command that measures it."""

    what: str
    command: str


@dataclass(frozen=True)
class Advice:
    """One thing to take."""

    take: str
    """E.g. "3x3 Conv", or a width."""
    standing: str
    """How it compares, e.g. "fastest of the 6 here"."""
    is_decided: bool
    """Whether intervals decide it; if not, it only leads so far."""
    share: float | None = None
    """Of the resamples in which it comes out, 0 to 1; None where too little was measured to resample."""
    is_accuracy_open: bool = False
    """Whether accuracy, which matters for it too, is undecided."""
    cost: str | None = None
    """What it costs, or what not taking it costs, in one clause."""


@dataclass(frozen=True)
class Candidate:
    """One line of a verdict's small table: what may be taken, with its cost and its accuracy."""

    name: str
    speed: str
    """With its unit."""
    accuracy: str
    """The mIoU that was found here in percent; empty without a trained network."""


@dataclass(frozen=True)
class Verdict:
    """Whether a principle holds on this device, runtime and precision."""

    principle: Literal["block", "widths", "interaction"]
    text: str
    """The principle, in one line."""
    judgement: Judgement
    advice: tuple[Advice, ...]
    """What to take here, the best first; empty where nothing can be said."""
    reason: Reason
    claims: tuple[Claim, ...]
    candidates: tuple[Candidate, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def is_free_of_doubt(self) -> bool:
        """Whether nothing casts doubt on the rows behind it."""
        return not any(claim.doubts for claim in self.claims)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "principle": self.principle,
            "text": self.text,
            "judgement": self.judgement,
            "advice": [asdict(advice) for advice in self.advice],
            "reason": self.reason.as_json(),
            "claims": [claim.as_json() for claim in self.claims],
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "missing": [asdict(missing) for missing in self.missing],
        }

    def as_text(self) -> str:
        """For a terminal: no line is broken within a word, and a command has a line of its own, to be pasted."""
        lines = [_wrapped(f"{self.principle.capitalize()}: {self.judgement}. {self.reason.message}.")]
        lines += [
            _wrapped(f"  - {'take' if advice.is_decided else 'leader:'} {advice_text(advice)}")
            for advice in self.advice
        ]
        lines += [_wrapped(f"  - {claim.as_text()}") for claim in self.claims]
        for missing in self.missing:
            lines += [_wrapped(f"  - not measured: {missing.what}; measure with"), f"    {missing.command}"]
        return "\n".join(lines)


def advice_text(advice: Advice) -> str:
    """What to take, how sure it is, and what it costs, in one sentence.

    >>> advice_text(Advice("Direct-A", "fastest of the 6 here", True, 0.98, is_accuracy_open=True))
    'Direct-A: fastest of the 6 here, in 98% of resamples; accuracy open'
    """
    share = f", in {advice.share:.0%} of resamples" if advice.share is not None else ""
    accuracy = "; accuracy open" if advice.is_accuracy_open else ""
    return f"{advice.take}: {advice.standing}{share}{accuracy}" + (f"; {advice.cost}" if advice.cost else "")


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
