"""Our numbers against the ten-line loop that anyone would write: `pytest --benchmark-only -k cross_check`.

The same convolution is timed by `microbench.time`, by pytest-benchmark round a plain call of the runtime's own API in
the same process, and by `microbench.time` again. The ratio stands in `extra_info`; beyond 5% the benchmark fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microbench
from microbench.experiments.figure4 import Figure4
from microbench.measure.workload import Workload
from microbench.runtimes.signal_stack import unchanged_signal_stack

AGREEMENT = 0.05


def plain_onnxruntime(workload: Workload) -> Callable[[], Any]:
    """A call as in ONNX Runtime's own examples."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(workload.onnx_model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, dict(workload.inputs))


def plain_openvino(workload: Workload) -> Callable[[], Any]:
    """A call as in OpenVINO's own examples."""
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    with unchanged_signal_stack():
        core = openvino.Core()
        request = core.compile_model(core.read_model(workload.onnx_model), "CPU", settings).create_infer_request()
    inputs = list(workload.inputs.values())
    return lambda: request.infer(inputs, share_inputs=True, share_outputs=True)


@pytest.mark.timing
@pytest.mark.parametrize(("name", "plain"), [("onnxruntime", plain_onnxruntime), ("openvino", plain_openvino)])
def bench_cross_check(name: str, plain: Callable[[Workload], Callable[[], Any]], benchmark: Any) -> None:
    """The standard convolution of Figure 4."""
    workload = Figure4().specs()[0].build()
    before_ms = microbench.time(workload.onnx_model, workload.inputs, runtime=name).latency_ms
    benchmark.pedantic(plain(workload), rounds=400, warmup_rounds=50)
    after_ms = microbench.time(workload.onnx_model, workload.inputs, runtime=name).latency_ms
    ours_ms = float(np.mean([before_ms, after_ms]))
    plain_ms = benchmark.stats.stats.median * 1e3
    benchmark.extra_info.update(ours_ms=ours_ms, plain_ms=plain_ms, ours_over_plain=ours_ms / plain_ms)
    assert ours_ms / plain_ms == pytest.approx(1, abs=AGREEMENT)
