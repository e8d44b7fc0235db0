"""Blocks on their way to a runtime: folding of the batch norms, and export to ONNX."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

import blocks

# Equal even and odd widths take the shortcuts and splits at stride 1, unequal ones the other forms.
SHAPES = [(8, 8, 1), (9, 9, 1), (3, 9, 2), (8, 8, 2), (6, 10, 1)]
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("conv3x3", {"bare": True}),
    ("sepconv3x3", {"bare": True}),
    ("sepconv3x3", {"middle_norm": False}),
    ("ghost", {"primary_kernel": 3, "ratio": 3}),
    ("inverted_residual", {"expansion": 1}),
    ("bottleneck", {"reduction": 2}),
]
CASES: list[tuple[str, tuple[int, int, int], dict[str, Any]]] = [
    (name, shape, {}) for name in blocks.NAMES for shape in SHAPES
] + [(name, (8, 8, 1), options) for name, options in OPTIONS]


def describe(value: object) -> str:
    return str(value).translate(str.maketrans("", "", " (){}'"))


def trained_block(name: str, shape: tuple[int, int, int], options: dict[str, Any]) -> nn.Module:
    """A block whose batch norms hold statistics as a training would leave them, not the initial zeros and ones."""
    torch.manual_seed(0)
    block = blocks.make(name, *shape, **options)
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
    return block.eval().requires_grad_(False)


def export(block: nn.Module, features: torch.Tensor, path: Path) -> onnx.ModelProto:
    torch.onnx.export(block, (features,), str(path), dynamo=False, opset_version=17)
    return onnx.load(str(path))


@pytest.mark.parametrize(("name", "shape", "options"), CASES, ids=describe)
def test_a_block_with_folded_norms_computes_the_same(
    name: str, shape: tuple[int, int, int], options: dict[str, Any]
) -> None:
    block = trained_block(name, shape, options)
    folded = fuse(block)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    features = torch.randn(2, shape[0], 7, 6)
    torch.testing.assert_close(folded(features), block(features), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "shape", "options"), CASES, ids=describe)
def test_onnx_runtime_computes_what_torch_does(
    name: str, shape: tuple[int, int, int], options: dict[str, Any], tmp_path: Path
) -> None:
    block = trained_block(name, shape, options)
    features = torch.randn(1, shape[0], 7, 6)
    model = export(block, features, tmp_path / "block.onnx")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: features.numpy()})
    np.testing.assert_allclose(output, block(features).numpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "operators"),
    [
        ("conv3x3", (8, 8, 1), ["Conv", "Relu"]),
        ("sepconv3x3", (8, 8, 1), ["Conv", "Relu", "Conv", "Relu"]),
        ("ghost", (8, 8, 1), ["Conv", "Relu", "Conv", "Relu", "Concat"]),
        ("ghost", (8, 9, 1), ["Conv", "Relu", "Conv", "Relu", "Concat", "Slice"]),
        ("inverted_residual", (8, 8, 1), ["Conv", "Clip", "Conv", "Clip", "Conv", "Add"]),
        (
            "shufflenet",
            (8, 8, 1),
            ["Split", "Conv", "Relu", "Conv", "Conv", "Relu", "Concat", "Reshape", "Transpose", "Reshape"],
        ),
        ("shufflenet", (9, 9, 1), ["Split", "Conv", "Relu", "Conv", "Conv", "Relu", "Concat", "Gather"]),
        ("residual", (8, 8, 1), ["Conv", "Relu", "Conv", "Add", "Relu"]),
        ("bottleneck", (8, 8, 1), ["Conv", "Relu", "Conv", "Relu", "Conv", "Add", "Relu"]),
    ],
)
def test_an_exported_block_holds_its_layers_and_nothing_else(
    name: str, shape: tuple[int, int, int], operators: list[str], tmp_path: Path
) -> None:
    model = export(trained_block(name, shape, {}), torch.randn(1, shape[0], 8, 8), tmp_path / "block.onnx")
    nodes = [node.op_type for node in model.graph.node]
    assert [operator for operator in nodes if operator not in ("Constant", "Identity")] == operators
