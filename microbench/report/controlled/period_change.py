"""Whether the period of the cliffs follows the vectors' width, or comes with a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microbench.report.controlled.conclusion import Conclusion, Outcome, decide
from microbench.report.controlled.kernels import instruction_sets
from microbench.report.controlled.periods import ArmPeriod, share_of
from microbench.report.verdicts.rivals import MAX_HALF_WIDTH, MIN_LOADS

LANES = {"avx2": 8, "avx512": 16, "amx": 16}
"""float32 values in a vector of each instruction set; AMX computes none, and its processors have AVX-512 for them."""


def follows_vectors(
    target: str, narrow: ArmPeriod, wide: ArmPeriod, kernels: Mapping[str, Sequence[str]]
) -> Conclusion:
    """Whether the period grows as the vectors do.

    Shown if the periods of nearly all resamples are in the ratio of the vectors' widths; ruled out if they are equal.

    Args:
        target: what was run in.
        narrow: the arm of the narrower vectors, named after its instruction set.
        wide: that of the wider ones.
        kernels: by the arm's name, the implementations of its convolutions.
    """
    question = f"does the period follow the vectors' width ({narrow.arm} and {wide.arm})?"
    ran = {arm.arm: instruction_sets(kernels.get(arm.arm, ())) for arm in (narrow, wide)}
    listed = "; ".join(f"{arm}: {', '.join(names) or 'not reported'}" for arm, names in kernels.items())
    if any(arm.arm not in ran[arm.arm] for arm in (narrow, wide)) or set(ran[narrow.arm]) != {narrow.arm}:
        return Conclusion(
            target, question, "undecided", f"the restriction did not take effect in the kernels that ran ({listed})"
        )
    growth = LANES[wide.arm] / LANES[narrow.arm]
    follows = share_of([narrow, wide], lambda a, b: a is not None and b is not None and b == growth * a)
    equal = share_of([narrow, wide], lambda a, b: a == b)
    evidence = (
        f"{narrow.text}, {wide.text}; the periods are in the ratio of the vectors in {follows:.0%} of resamples, and "
        f"equal in {equal:.0%}; convolutions of {listed}"
    )
    return _concluded(target, question, decide(follows, equal), evidence, (narrow, wide))


def comes_with_switch(target: str, switch: str, widths: str, on: ArmPeriod, off: ArmPeriod) -> Conclusion:
    """Whether the period is there with a switch on, and is gone or another with it off.

    Args:
        target: what was run in.
        switch: its name, e.g. "the NCHWc layout".
        widths: which widths were swept, in words.
        on: the arm with the switch on.
        off: that with it off.
    """
    differs = share_of([on, off], lambda a, b: a is not None and a == on.channels and a != b)
    equal = share_of([on, off], lambda a, b: a == b)
    evidence = f"{on.text}, {off.text}; they differ in {differs:.0%} of resamples, and are equal in {equal:.0%}"
    question = f"does the period over {widths} come with {switch}?"
    return _concluded(target, question, decide(differs, equal), evidence, (on, off))


def _concluded(
    target: str, question: str, outcome: Outcome, evidence: str, arms: tuple[ArmPeriod, ArmPeriod]
) -> Conclusion:
    """With what weakens the evidence: few loads and wide intervals decide nothing, noisy rows are named."""
    width = max(arm.half_width_share for arm in arms)
    if width > MAX_HALF_WIDTH:
        wide = (
            f"half of the rows are known to ±{width:.0%} or worse, and ±{MAX_HALF_WIDTH:.0%} is the most that decides"
        )
        outcome, evidence = "undecided", f"{evidence}; {wide}"
    loads, noisy = min(arm.loads for arm in arms), sum(arm.noisy for arm in arms)
    if loads < MIN_LOADS:
        outcome, evidence = "undecided", f"{evidence}; a row has {loads} loads, and {MIN_LOADS} are needed"
    if noisy:
        evidence += f"; {noisy} of {sum(len(arm.curve.widths) for arm in arms)} rows are noisy"
    return Conclusion(target, question, outcome, evidence)
