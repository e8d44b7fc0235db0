"""The workloads of the figures: the two convolutions of Figure 4 and the widths of Figure 5."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microbench.experiments.figure4 import Figure4
from microbench.experiments.figure5 import Figure5
from microbench.measure.workload import WorkloadSpec
from microbench.runs.runner import Target


def _block_width_and_depth(spec: WorkloadSpec) -> str:
    return f"{spec.axes['block']}-c{spec.axes['width']}-depth{spec.axes['depth']}"


@pytest.mark.timing
@pytest.mark.parametrize("spec", Figure4().specs(), ids=_block_width_and_depth)
def bench_figure4(spec: WorkloadSpec, target: Target, time_workload: Callable[[WorkloadSpec, Target], None]) -> None:
    """Standard or depthwise separable convolution."""
    time_workload(spec, target)


@pytest.mark.timing
@pytest.mark.parametrize("spec", Figure5().specs(), ids=_block_width_and_depth)
def bench_figure5(spec: WorkloadSpec, target: Target, time_workload: Callable[[WorkloadSpec, Target], None]) -> None:
    """One channel width."""
    time_workload(spec, target)
