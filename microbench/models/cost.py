"""What one run of a deployed module takes: MACs and parameters by fvcore, bytes moved from its ONNX graph."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import onnx
import torch
from fvcore.nn import FlopCountAnalysis, parameter_count
from torch import nn

from microbench.measure.workload import Cost

_COUNTED = ("conv", "linear", "matmul", "addmm", "bmm", "einsum")
"""fvcore's names of the operators whose multiply-accumulates the paper counts; it also knows norms and resizes."""

_FUSED_ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid")
_VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Constant", "Shape")
"""These describe data anew, without moving it."""

_BYTES_PER_VALUE = 4


def count_cost(module: nn.Module, argument: torch.Tensor, onnx_model: bytes) -> Cost:
    """Count what one run of `module` on a tensor of the argument's shape takes.

    Args:
        module: in its deployed form.
        argument: its input.
        onnx_model: its static-shape export.
    """
    analysis = FlopCountAnalysis(module, (argument,))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    with warnings.catch_warnings():
        # It is counted at this size alone: sizes may become constants.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        by_operator = analysis.by_operator()
    return Cost(
        macs=int(sum(by_operator[operator] for operator in _COUNTED)),
        parameters=int(parameter_count(module)[""]),
        moved_bytes=moved_bytes(onnx_model),
    )


def moved_bytes(onnx_model: bytes) -> int:
    """Inputs, weights and outputs of every operator in float32, an activation counted as part of its convolution.

    This is the fusion that every runtime here does; what a runtime fuses beyond it (a residual addition, say) is
    counted as if it were not.
    """
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(onnx_model), data_prop=True).graph
    values = {value.name: _elements(value) for value in [*graph.input, *graph.value_info, *graph.output]}
    values |= {weight.name: math.prod(weight.dims) for weight in graph.initializer}
    convolved = {node.output[0] for node in graph.node if node.op_type == "Conv"}
    moved = 0
    for node in graph.node:
        fused = node.op_type in _FUSED_ACTIVATIONS and node.input[0] in convolved
        if not fused and node.op_type not in _VIEWS:
            moved += sum(values.get(name, 0) for name in _tensors(node))
    return moved * _BYTES_PER_VALUE


def _tensors(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.output
    # A Resize's or Slice's further inputs are sizes, not data.
    yield from node.input[:1] if node.op_type in ("Resize", "Slice", "Pad") else node.input


def _elements(value: onnx.ValueInfoProto) -> int:
    return math.prod(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
