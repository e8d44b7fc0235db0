"""What TensorRT 8.6's parser and today's both read: plain operators of opset 17, written as that opset has them."""

import copy
import io
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu6

from lpsnet.export import OPSET, export_onnx
from microbench.models.export import to_onnx


class Parts(nn.Module):
    """All that networks here are made of, and two convolutions of equal weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.dilated = nn.Conv2d(8, 8, 3, padding=3, dilation=3)
        self.twin = copy.deepcopy(self.dilated)

    def forward(self, image: Tensor) -> Tensor:
        features = self.first(image).relu()
        joined = torch.cat([self.grouped(features), self.dilated(features), self.twin(relu6(features))], dim=1)
        scaled = joined * joined.mean(dim=(2, 3), keepdim=True)
        return interpolate(scaled, (19, 23), mode="bilinear", align_corners=True)


def of_a_network(module: nn.Module, argument: Tensor) -> bytes:
    buffer = io.BytesIO()
    export_onnx(module, buffer, tuple(argument.shape[-2:]))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def parts() -> nn.Module:
    torch.manual_seed(0)
    return Parts().eval()


@pytest.fixture(scope="module", params=[to_onnx, of_a_network], ids=["of blocks", "of networks"])
def content(request: pytest.FixtureRequest, parts: nn.Module) -> bytes:
    export: Callable[[nn.Module, Tensor], bytes] = request.param
    return export(parts, torch.zeros(1, 3, 12, 16))


@pytest.fixture(scope="module")
def graph(content: bytes) -> onnx.GraphProto:
    return onnx.load_from_string(content).graph


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def nodes(graph: onnx.GraphProto, kind: str) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type == kind]


def test_every_operator_is_a_plain_one_of_opset_17(content: bytes) -> None:
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": OPSET}
    assert OPSET == 17
    assert all(onnx.defs.get_schema(node.op_type, OPSET).since_version <= OPSET for node in model.graph.node)


def test_a_mean_has_its_axes_as_an_attribute(graph: onnx.GraphProto) -> None:
    # From opset 18 on they are an input, which 8.6 ignores: it would average over everything.
    (mean,) = nodes(graph, "ReduceMean")
    assert attributes(mean)["axes"] in ([2, 3], [-1, -2], [-2, -1])
    assert len(mean.input) == 1


def test_a_resize_aligns_corners_to_constant_sizes(graph: onnx.GraphProto) -> None:
    (resize,) = nodes(graph, "Resize")
    assert attributes(resize)["coordinate_transformation_mode"] == b"align_corners"
    assert attributes(resize)["mode"] == b"linear"
    constants = {initializer.name for initializer in graph.initializer}
    constants |= {node.output[0] for node in nodes(graph, "Constant")}
    assert {name for name in resize.input[1:] if name} <= constants


def test_groups_and_dilations_are_kept(graph: onnx.GraphProto) -> None:
    found = [
        (attributes(conv).get("group", 1), attributes(conv).get("dilations", [1, 1])) for conv in nodes(graph, "Conv")
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, [(1, [1, 1]), (4, [1, 1]), (1, [3, 3]), (1, [3, 3])]))


def test_convolutions_of_equal_weights_have_them_as_initialisers(graph: onnx.GraphProto) -> None:
    # The exporter writes equal tensors once; through an Identity, 8.6 would not take them for weights.
    weights = {initializer.name: numpy_helper.to_array(initializer) for initializer in graph.initializer}
    used = [conv.input[1] for conv in nodes(graph, "Conv")]
    assert set(used) <= set(weights)
    assert not nodes(graph, "Identity")
    first, second = (weights[conv.input[1]] for conv in nodes(graph, "Conv") if attributes(conv)["dilations"] == [3, 3])
    assert np.array_equal(first, second)


def test_the_export_gives_torchs_values(content: bytes, parts: nn.Module) -> None:
    image = torch.randn(1, 3, 12, 16)
    session = onnxruntime.InferenceSession(content)
    (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, parts(image).numpy(), atol=1e-4)
