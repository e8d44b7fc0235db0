"""LPS-Net-S, -M and -L at 1024 x 2048, to the score maps as in the paper and to the class map that a user gets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microbench.experiments.table4 import FULL_RESOLUTION_STEPS, Table4
from microbench.measure.workload import WorkloadSpec
from microbench.runs.runner import Target

SPECS = [spec for spec in Table4().specs() if spec.axes["step"] in FULL_RESOLUTION_STEPS]


@pytest.mark.timing
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"step{spec.axes['step']}-{spec.axes['protocol']}")
def bench_lpsnet(spec: WorkloadSpec, target: Target, time_workload: Callable[[WorkloadSpec, Target], None]) -> None:
    """One network and protocol."""
    time_workload(spec, target)
