"""Every block at the paper's Figure 4 shape: 32 channels on 128 x 128 maps, strides 1 and 2."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import blocks
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.workload import WorkloadSpec
from microbench.runs.runner import Target

SPECS = axes_to_specs(
    "blocks", Axes(blocks=tuple(BlockChoice(name) for name in blocks.NAMES), widths=(32,), strides=(1, 2))
)


@pytest.mark.timing
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.axes['block']}-stride{spec.axes['stride']}")
def bench_block(spec: WorkloadSpec, target: Target, time_workload: Callable[[WorkloadSpec, Target], None]) -> None:
    """One block, stride, runtime and precision."""
    time_workload(spec, target)
