"""The rule of ONNX Runtime's blocked convolutions, against the graphs that the installed ONNX Runtime makes."""

import doctest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from microbench.measure.environment import fingerprint
from microbench.runtimes.kernels import nchwc
from microbench.runtimes.kernels.nchwc import NchwcConvolution, nchwc_block, nchwc_convolution


def optimised(in_channels: int, out_channels: int, groups: int, kernel: int, folder: Path) -> NchwcConvolution | None:
    """What ONNX Runtime made of one convolution, read off the weights of its optimised graph."""
    weights = np.ones((out_channels, in_channels // groups, kernel, kernel), np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=groups, pads=[kernel // 2] * 4)
    graph = helper.make_graph(
        [node],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, in_channels, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, out_channels, 4, 4])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = onnx.load(options.optimized_model_filepath).graph
    (convolution,) = [node for node in found.node if node.op_type == "Conv"]
    if "nchwc" not in convolution.domain:
        return None
    (padded,) = [tuple(one.dims) for one in found.initializer if len(one.dims) == 4]
    return NchwcConvolution(
        in_channels=padded[1] if groups == 1 else in_channels if groups < in_channels else padded[0],
        out_channels=padded[0],
        reads_nchw=all(node.op_type != "ReorderInput" for node in found.node),
    )


@pytest.fixture
def block() -> int:
    found = nchwc_block(fingerprint().cpu_flags)
    if found is None:
        pytest.skip("the rule is known for AVX2 and AVX-512")
    return found


@pytest.mark.parametrize("width", [*range(1, 21), 24, 29, 32, 36, 40])
def test_the_rule_says_what_becomes_of_a_convolution_of_each_width(width: int, block: int, tmp_path: Path) -> None:
    assert nchwc_convolution(width, width, block=block) == optimised(width, width, 1, 3, tmp_path)
    if width > 1:  # a single channel is a dense convolution too
        assert nchwc_convolution(width, width, block=block, groups=width) == optimised(width, width, width, 3, tmp_path)


@pytest.mark.parametrize(("in_channels", "out_channels"), [(3, 40), (16, 3), (20, 9), (17, 16), (8, 30), (30, 8)])
def test_the_rule_holds_where_widths_differ(in_channels: int, out_channels: int, block: int, tmp_path: Path) -> None:
    assert nchwc_convolution(in_channels, out_channels, block=block) == optimised(
        in_channels, out_channels, 1, 1, tmp_path
    )


@pytest.mark.parametrize(("channels", "groups"), [(32, 2), (32, 4), (64, 2), (24, 2), (48, 3)])
def test_the_rule_holds_for_groups(channels: int, groups: int, block: int, tmp_path: Path) -> None:
    assert nchwc_convolution(channels, channels, block=block, groups=groups) == optimised(
        channels, channels, groups, 3, tmp_path
    )


def test_blocks_of_avx2_are_half_as_wide() -> None:
    assert nchwc_convolution(12, 20, block=8) == NchwcConvolution(16, 24, reads_nchw=False)
    assert nchwc_convolution(12, 20, block=16) == NchwcConvolution(12, 32, reads_nchw=True)
    assert nchwc_convolution(9, 9, block=8) is None


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(nchwc).failed == 0
