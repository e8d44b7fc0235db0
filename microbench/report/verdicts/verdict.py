"""What a verdict is: claims that records bear out or not, in which share of resamples, and what follows from them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microbench.measure.record import Record
from microbench.measure.wording import remarks
from microbench.report.bootstrap import RESAMPLES, can_bootstrap
from microbench.report.rank_stability import CONTRADICTED_TO, SUPPORTED_FROM

Judgement = Literal["holds", "fails", "undecided"]

ENOUGH_UNITS = 5
"""In fewer generations, agreement in all of them can be chance more often than once in twenty (2^-4 = 6%)."""


@dataclass(frozen=True)
class Claim:
    """One thing that a principle says, held against records."""

    text: str
    """What is claimed."""
    judgement: Judgement
    share: float | None
    """Of the resamples that bear it out, 0 to 1; None where nothing was resampled."""
    found: str
    """What the records say, in one sentence."""
    rows: tuple[Record, ...] = ()
    """The records behind it."""

    @property
    def doubts(self) -> str:
        """What a reader must know of the rows before trusting it; empty if nothing."""
        noisy = [row for row in self.rows if row.measurement and row.measurement.noisy]
        unconverged = [row for row in self.rows if row.measurement and not row.measurement.converged]
        parts = []
        if unconverged:
            parts.append(f"rows that did not converge: {len(unconverged)} of {len(self.rows)}")
        if noisy:
            parts.append(f"noisy rows: {len(noisy)} of {len(self.rows)}")
        fewest = min((len(row.measurement.generations) for row in self.rows if row.measurement), default=ENOUGH_UNITS)
        if fewest < ENOUGH_UNITS:
            parts.append(f"rows with as few as {fewest} generations")
        if len({row.run for row in self.rows}) > 1:
            parts.append("rows of several runs, and drift between these is in no interval")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "text": self.text,
            "judgement": self.judgement,
            "share": self.share,
            "found": self.found,
            "doubts": self.doubts,
            "rows": [_row_json(row) for row in self.rows],
        }


@dataclass(frozen=True)
class Missing:
    """What was not measured, and the command that measures it."""

    what: str
    command: str


@dataclass(frozen=True)
class Verdict:
    """Whether a principle holds on this device, runtime and precision."""

    principle: Literal["block", "widths", "interaction"]
    text: str
    """The principle, in one line."""
    judgement: Judgement
    advice: str | None
    """What to use here; None where nothing can be said."""
    reason: str
    """Why, in one or two sentences."""
    claims: tuple[Claim, ...]
    missing: tuple[Missing, ...] = ()

    @property
    def share(self) -> float | None:
        """The smallest share among its claims; None where one of them has none."""
        shares = [claim.share for claim in self.claims]
        return min((share for share in shares if share is not None), default=None) if None not in shares else None

    @property
    def is_firm(self) -> bool:
        """Whether nothing casts doubt on the rows behind it."""
        return not any(claim.doubts for claim in self.claims)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "principle": self.principle,
            "text": self.text,
            "judgement": self.judgement,
            "share": self.share,
            "advice": self.advice,
            "reason": self.reason,
            "claims": [claim.as_json() for claim in self.claims],
            "missing": [asdict(missing) for missing in self.missing],
        }

    def as_text(self) -> str:
        """For a terminal."""
        lines = [f"{self.principle.capitalize()}: {self.judgement}. {self.reason}"]
        for claim in self.claims:
            doubts = f" Doubts: {claim.doubts}." if claim.doubts else ""
            lines.append(f"  - {claim.text}: {claim.judgement}{share_text(claim.share)}. {claim.found}{doubts}")
        lines += [f"  - not measured: {missing.what} ({missing.command})" for missing in self.missing]
        return "\n".join(textwrap.fill(line, 118, subsequent_indent="    ", break_long_words=False) for line in lines)


def judged(share: float) -> Judgement:
    """What a share of resamples says of a claim, by the same limits as a ranking by mIoU."""
    if share >= SUPPORTED_FROM:
        return "holds"
    return "fails" if share <= CONTRADICTED_TO else "undecided"


def together(claims: Sequence[Claim]) -> Judgement:
    """A principle holds if all its claims do, and fails if one of them does."""
    judgements = {claim.judgement for claim in claims}
    if "fails" in judgements:
        return "fails"
    return "holds" if judgements == {"holds"} else "undecided"


def share_text(share: float | None) -> str:
    """How a share is told, e.g. " (99% of resamples)"."""
    return "" if share is None else f" ({share:.0%} of {RESAMPLES} resamples)"


def unresampled(text: str, rows: Sequence[Record]) -> Claim | None:
    """The open claim that is left where some row cannot be resampled; None where all can."""
    lacking = [row.name for row in rows if not can_bootstrap(row)]
    if not lacking:
        return None
    found = f"Too little was measured of {', '.join(lacking)} to say how sure it is."
    return Claim(text, "undecided", None, found, tuple(rows))


def _row_json(row: Record) -> dict[str, Any]:
    measurement = row.measurement
    return {
        "experiment": row.experiment,
        "name": row.name,
        "run": row.run,
        "latency_ms": measurement and measurement.latency_ms,
        "latency_ci_low_ms": measurement and measurement.latency_ci_low_ms,
        "latency_ci_high_ms": measurement and measurement.latency_ci_high_ms,
        "efficiency_mmacs_per_ms": row.efficiency_mmacs_per_ms,
        "remarks": remarks(row),
    }
