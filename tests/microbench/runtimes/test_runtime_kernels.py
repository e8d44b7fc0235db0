"""What a runtime reports of the kernels that it executes: from printed output of each library, and real sessions."""

import doctest
import json
from typing import Any

import pytest
from torch import nn

import blocks
from microbench import runtimes
from microbench.models.build import build_workload
from microbench.runtimes.kernels import Kernel, describe_kernels, kernel
from microbench.runtimes.kernels.onednn import kernels_of_verbose
from microbench.runtimes.kernels.onnxruntime import kernels_of_profile

# ncnn names its layers, and neither their shapes nor their algorithm.
WITH_SHAPES = [name for name in runtimes.names() if "cpu" in runtimes.get(name).precisions and "ncnn" not in name]

VERBOSE = """onednn_verbose,v1,info,oneDNN v3.7.1
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:f32::blocked:abcd::f0 dst:f32:p:blocked:aBcd16b::f0,attr-scratchpad:user,,1x20x64x64,13.75
onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx512_core,forward_training,src:f32:ap:blocked:aBcd16b::f0 wei:f32:ap:blocked:ABcd16b16a::f0 bia:undef::undef::: dst:f32:ap:blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,mb1_ic20oc20_ih64oh64kh3sh1dh0ph1_iw64ow64kw3sw1dw0pw1,11.9
onednn_verbose,v1,primitive,exec,cpu,convolution,brdgmm_dw:avx512_core,forward_inference,src:f32::blocked:acdb::f0 wei:f32:a:blocked:debcA16a::f0 bia:f32:a:blocked:a::f0 dst:f32::blocked:acdb::f0,attr-scratchpad:user attr-post-ops:eltwise_relu,alg:convolution_direct,g24mb1_ic24oc24_ih64oh32kh3sh2dh0ph1_iw64ow32kw3sw2dw0pw1,11.1
something that another library printed
"""  # noqa: E501 - as it is printed


def test_onednn_reports_the_channels_that_a_blocked_layout_adds() -> None:
    reorder, padded, depthwise = kernels_of_verbose(VERBOSE)
    assert reorder == Kernel("reorder", "jit:uni", (1, 20, 64, 64), (1, 20, 64, 64), converts_layout=True)
    assert padded.input_shape == padded.output_shape == (1, 32, 64, 64)  # 20 channels in blocks of 16
    assert padded.macs == 64 * 64 * 32 * 32 * 9
    assert depthwise.implementation == "brdgmm_dw:avx512_core"
    assert depthwise.output_shape == (1, 24, 32, 32)  # channels last: nothing is added
    assert depthwise.macs == 32 * 32 * 24 * 9


def test_onnx_runtime_reports_each_kernel_once_with_its_padded_shapes() -> None:
    def event(name: str, operator: str, inputs: list[list[int]], output: list[int]) -> dict[str, Any]:
        shapes = {"input_type_shape": [{"float": shape} for shape in inputs], "output_type_shape": [{"float": output}]}
        return {
            "cat": "Node",
            "name": f"{name}_kernel_time",
            "args": {"op_name": operator, "provider": "CPU", **shapes},
        }

    conv = event("out_nchwc", "Conv", [[1, 12, 8, 8], [16, 12, 3, 3], [16]], [1, 16, 8, 8])
    reorder = event("ReorderOutput", "ReorderOutput", [[1, 16, 8, 8]], [1, 12, 8, 8])
    other = {"cat": "Session", "name": "model_run", "args": {}}
    found = kernels_of_profile([other, conv, reorder, conv, reorder])
    assert [found_kernel.operator for found_kernel in found] == ["Conv", "ReorderOutput"]
    assert found[0].implementation == "NCHWc"
    assert found[0].macs == 8 * 8 * 16 * 12 * 9
    assert not found[0].converts_layout
    assert found[1].converts_layout


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.subprocess) if name == "torch-compile" else name for name in WITH_SHAPES],
)
def test_every_runtime_reports_the_convolution_of_a_block(name: str) -> None:
    workload = build_workload("conv", lambda: blocks.make("conv3x3", 12, 20), (1, 12, 64, 64))
    runtime, configuration = runtimes.configure(name, "fp32", "cpu", 1)
    session = runtime.load_checked(workload, configuration, layout_seed=0)
    try:
        described = session.describe()
    finally:
        session.close()
    assert described is not None
    convolutions = [entry for entry in described["kernels"] if entry["macs"]]
    assert len(convolutions) == 1
    # A kernel may compute channels that its layout adds, on any processor; it never computes fewer than the model has.
    assert convolutions[0]["macs"] >= 64 * 64 * 12 * 20 * 9
    assert convolutions[0]["output_shape"][1] >= 20
    assert json.loads(json.dumps(described)) is not None


def kernels_in(name: str, block: str) -> list[tuple[str, str]]:
    """Operator and implementation of each kernel of a block from 32 to 32 channels."""
    workload = build_workload(block, lambda: blocks.make(block, 32, 32, bare=True), (1, 32, 48, 48))
    runtime, configuration = runtimes.configure(name, "fp32", "cpu", 1)
    session = runtime.load_checked(workload, configuration, layout_seed=0)
    described = session.describe()
    session.close()
    assert described is not None
    return [(entry["operator"], entry["implementation"]) for entry in described["kernels"]]


def test_without_the_nchwc_layout_the_convolutions_are_plain_and_nothing_is_reordered() -> None:
    blocked, plain = kernels_in("onnxruntime", "conv3x3"), kernels_in("onnxruntime-nchw", "conv3x3")
    if ("Conv", "NCHWc") not in blocked:
        pytest.skip("ONNX Runtime has no NCHWc kernels for this processor")
    assert "ReorderInput" in dict(blocked)
    assert [implementation for _, implementation in plain] == ["CPUExecutionProvider"]


@pytest.mark.skipif(runtimes.get("ncnn").missing("cpu") is not None, reason="ncnn or pnnx is not installed")
def test_ncnn_says_where_winograd_is_allowed() -> None:
    def of_convolutions(name: str, block: str) -> list[str]:
        return [implementation for operator, implementation in kernels_in(name, block) if "Conv" in operator]

    assert of_convolutions("ncnn", "conv3x3") == ["ncnn, Winograd allowed"]
    assert of_convolutions("ncnn-direct", "conv3x3") == ["ncnn, Winograd off"]
    # Neither the depthwise convolution nor the 1x1 one behind it can be computed by it.
    assert of_convolutions("ncnn", "sepconv3x3") == of_convolutions("ncnn-direct", "sepconv3x3") == ["ncnn", "ncnn"]


def test_a_runtime_that_cannot_report_its_kernels_loses_no_row() -> None:
    def fail() -> list[Kernel]:
        raise RuntimeError("no profile here")

    assert describe_kernels(fail) == {"kernels_error": "RuntimeError: no profile here"}


def test_equal_kernels_of_a_large_network_are_counted() -> None:
    many = [Kernel("Conv", "NCHWc", macs=7)] * 60 + [Kernel("Resize", "CPU")]
    assert [entry["count"] for entry in describe_kernels(lambda: many)["kernels"]] == [60, 1]


def test_the_conversions_at_the_ends_belong_to_the_model_and_not_to_each_block() -> None:
    def conversions(depth: int) -> int:
        chain = build_workload(
            "chain", lambda: nn.Sequential(*(blocks.make("conv3x3", 32, 32) for _ in range(depth))), (1, 32, 16, 16)
        )
        runtime, configuration = runtimes.configure("onnxruntime", "fp32", "cpu", 1)
        session = runtime.load_checked(chain, configuration, layout_seed=0)
        described = session.describe()
        session.close()
        assert described is not None
        return sum(entry["converts_layout"] for entry in described["kernels"])

    assert conversions(1) == conversions(4)


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(kernel).failed == 0
