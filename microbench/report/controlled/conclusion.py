"""Whether a switch is a cause, as the records decide it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["shown", "ruled out", "undecided"]

SURE = 0.95
"""Share of resamples that decides."""

_WORDS: dict[Outcome, str] = {
    "shown": "cause shown",
    "ruled out": "cause ruled out",
    "undecided": "undecided",
}


@dataclass(frozen=True)
class Conclusion:
    """The answer to one question in one configuration."""

    target: str
    """What was run in, in words."""
    question: str
    outcome: Outcome
    evidence: str
    """The numbers that it rests on, with their intervals or shares of resamples."""

    @property
    def sentence(self) -> str:
        """The answer in words."""
        return f"{self.target}: {self.question} {_WORDS[self.outcome]}: {self.evidence}."

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def decide(shown: float, ruled_out: float) -> Outcome:
    """The outcome from the shares of resamples that speak for it; no clear majority decides nothing.

    >>> decide(0.97, 0.02), decide(0.01, 0.96), decide(0.8, 0.1)
    ('shown', 'ruled out', 'undecided')
    """
    if shown >= SURE:
        return "shown"
    return "ruled out" if ruled_out >= SURE else "undecided"
