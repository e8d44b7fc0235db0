"""The names of runtime, precision, device and threads in figures and tables."""

from __future__ import annotations

from collections.abc import Sequence

from microbench.measure.record import Configuration
from microbench.measure.timing import COLD

TARGET_COLUMNS = ["runtime", "precision", "device", "threads", "timing", "l2", "cache"]
"""What a row was run in, and what of it was timed: rows that differ in any of these share no curve."""


def target_label(values: Sequence[object]) -> str:
    """The label for values of `TARGET_COLUMNS`.

    >>> target_label(["onnxruntime", "fp32", "cpu", 1, "end_to_end", "hot", "cold"])
    'onnxruntime fp32, 1 thread, cold caches'
    """
    runtime, precision, device, threads, timing, l2, cache = values
    if device == "cpu":
        cold = ", cold caches" if cache == COLD else ""
        return f"{runtime} {precision}, {threads} thread{'s' if threads != 1 else ''}{cold}"
    cold = ", cold inputs" if l2 == COLD else ""
    return f"{runtime} {precision}, {device}, {str(timing).replace('_', ' ')}{cold}"


def configuration_label(configuration: Configuration) -> str:
    """The same label for a record's configuration."""
    return target_label([getattr(configuration, column) for column in TARGET_COLUMNS])
