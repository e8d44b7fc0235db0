"""A slowdown of a known size, for a tool to find: `pytest --benchmark-only -k injected`.

A burst of twenty runs of a small model, and the same burst with one run more: 5% slower. How often pytest-benchmark's
own comparison tells one from the other is what `microbench.benchmarks.error_rates` counts.
"""

from __future__ import annotations

from typing import Any

import pytest

from microbench.benchmarks.bench_cross_check import plain_onnxruntime
from microbench.gate.suite import suite

BURST = 20


@pytest.mark.timing
@pytest.mark.parametrize("more", [0, 1], ids=["as-it-is", "slower"])
@pytest.mark.parametrize("name", suite())
def bench_injected(name: str, more: int, benchmark: Any) -> None:
    """One model of the gate's calibration, by pytest-benchmark's own settings."""
    pytest.importorskip("onnxruntime")
    call = plain_onnxruntime(suite()[name].build())

    def burst() -> None:
        for _ in range(BURST + more):
            call()

    benchmark(burst)
