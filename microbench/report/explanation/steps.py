"""In which steps of widths latency should come by the kernels' own rules, beside the steps that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from microbench.measure.record import Record
from microbench.report.explanation.kernels import form_of, kernels_of, vector_of
from microbench.report.sweet_spots import WidthCurve
from microbench.runtimes.kernels import Kernel
from microbench.runtimes.kernels.nchwc import nchwc_block, round_up

_NCHWC = "NCHWc"
_FEWEST_STEPS = 2
"""A period shows where at least so many of its steps are crossed."""


@dataclass(frozen=True)
class PredictedPeriod:
    """The channels after which the kernels compute a block or a vector more."""

    channels: int
    reason: str


def predicted_period(records: Sequence[Record]) -> PredictedPeriod | None:
    """The period in widths that the recorded kernels have.

    In ONNX Runtime it is the block of the NCHWc layout (see `microbench.runtimes.kernels.nchwc`); elsewhere the vector
    that the kernels' names show, which output channels fill up.

    Args:
        records: one block at several widths in one configuration.

    Returns:
        None where no kernel is recorded, or its name shows neither.
    """
    kernels = [(kernel, record) for record in records for kernel in _convolutions(record)]
    found = {period for kernel, record in kernels if (period := _period_of(kernel, record))}
    return max(found, key=lambda period: period.channels, default=None)


def unblocked_widths(records: Sequence[Record]) -> tuple[int, ...]:
    """The widths at which a convolution runs in a plain kernel, where others run in a blocked one."""
    plain = {
        int(record.axes["width"])
        for record in records
        if any(kernel.implementation != _NCHWC for kernel in _convolutions(record))
    }
    blocked = {kernel.implementation for record in records for kernel in _convolutions(record)}
    return tuple(sorted(plain)) if _NCHWC in blocked else ()


def step_sentences(curves: Sequence[WidthCurve], sources: Sequence[Sequence[Record]]) -> tuple[str, ...]:
    """For each curve whose kernels are recorded, the predicted and the measured period.

    Args:
        curves: of `curves_of` or `marginal_curves`.
        sources: the records behind each row of the data, or behind each marginal cost, that the curves were made of.
    """
    sentences = []
    for curve in curves:
        own = [record for place in curve.rows for record in sources[place]]
        if predicted := predicted_period(own):
            plain = unblocked_widths(own)
            exceptions = f"; plain kernels at {', '.join(map(str, plain))}" if plain else ""
            sentences.append(
                f"{curve.label}: predicted period {predicted.channels} ({predicted.reason}{exceptions}), "
                f"{_measured(curve, predicted)}."
            )
    return tuple(sentences)


def _measured(curve: WidthCurve, predicted: PredictedPeriod) -> str:
    found = f"measured {curve.period.channels}" if curve.period else "no clear period measured"
    blocks = {round_up(width, predicted.channels) for width in curve.widths}
    # A step that comes once has no period.
    return found if len(blocks) > _FEWEST_STEPS else f"{found}: these widths have {len(blocks) - 1} of its steps"


def _convolutions(record: Record) -> list[Kernel]:
    return [kernel for kernel in kernels_of(record) if form_of(kernel) not in ("conversion", "other")]


def _period_of(kernel: Kernel, record: Record) -> PredictedPeriod | None:
    if kernel.implementation == _NCHWC:
        block = nchwc_block(record.environment.cpu_flags)
        if block is None:
            return None
        isa = {16: "AVX-512", 8: "AVX2"}[block]
        return PredictedPeriod(block, f"NCHWc blocks of {isa}, output padded, inputs in fours")
    isa, lanes = vector_of(kernel)
    return PredictedPeriod(lanes, f"vectors of {isa}, output padded") if lanes > 1 else None
