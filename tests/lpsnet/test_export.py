import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import blocks
import interactions
import lpsnet
from lpsnet import Architecture, FullResolutionArgmax
from microbench.errors import InputError
from microbench.runtimes.signal_stack import unchanged_signal_stack

Array = NDArray[Any]
Train = Callable[[nn.Module], None]

# A trace of a size that is checked in Python would be wrong at another size.
pytestmark = [pytest.mark.filterwarnings("error::torch.jit.TracerWarning"), pytest.mark.heavy]


def export(network: nn.Module, size: tuple[int, int], dynamic: bool = False, batch: int = 1) -> bytes:
    buffer = io.BytesIO()
    lpsnet.export_onnx(network, buffer, size, dynamic, batch)
    onnx.checker.check_model(onnx.load_from_string(buffer.getvalue()), full_check=True)
    return buffer.getvalue()


def by_onnxruntime(model: bytes, image: Array) -> Array:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    output: Array = session.run(None, {"image": image})[0]
    return output


def by_openvino(model: bytes, image: Array) -> Array:
    # At full precision, as OpenVINO may choose bfloat16 by itself.
    with unchanged_signal_stack():
        compiled = openvino.Core().compile_model(
            openvino.Core().read_model(io.BytesIO(model)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
    output: Array = compiled({"image": image})[0]
    return output


def assert_equal_scores(
    run: Callable[[bytes, Array], Array], model: bytes, network: nn.Module, shape: tuple[int, ...]
) -> None:
    image = torch.randn(shape)
    with torch.no_grad():
        expected = network(image).numpy()
    np.testing.assert_allclose(run(model, image.numpy()), expected, rtol=1e-4, atol=1e-4)


def new(architecture: Architecture, trained: Train, **options: Any) -> nn.Module:
    network = lpsnet.build(architecture, 5, **options).eval()
    trained(network)
    return network


def nodes(model: bytes, kind: str) -> list[onnx.NodeProto]:
    return [node for node in onnx.load_from_string(model).graph.node if node.op_type == kind]


def is_constant(model: bytes, name: str) -> bool:
    return any(name == initializer.name for initializer in onnx.load_from_string(model).graph.initializer)


@pytest.mark.parametrize(
    ("size", "resolution", "batch"),
    [
        ((360, 480), (1,), 1),
        ((360, 480), (3 / 4, 1 / 4), 2),
        ((713, 1001), (1, 1 / 2, 1 / 4), 1),
        ((61, 97), (9 / 8, 1 / 4), 1),
    ],
)
def test_a_static_model_has_torchs_scores(
    size: tuple[int, int], resolution: tuple[float, ...], batch: int, trained: Train
) -> None:
    network = new(Architecture((1,) * 5, (4,) * 5, resolution), trained)
    assert_equal_scores(by_onnxruntime, export(network, size, batch=batch), network, (batch, 3, *size))


@pytest.mark.parametrize("resolution", [(1,), (11 / 8, 1 / 4), (1, 3 / 4, 5 / 8)])
def test_a_dynamic_model_has_torchs_scores_at_every_size(resolution: tuple[float, ...], trained: Train) -> None:
    network = new(Architecture((1,) * 5, (4,) * 5, resolution), trained)
    # At this size all paths' last maps are equally large, and at others they are not.
    model = export(network, (16, 16), dynamic=True)
    for shape in ((1, 3, 16, 16), (2, 3, 61, 97), (1, 3, 360, 480), (1, 3, 713, 1001)):
        assert_equal_scores(by_onnxruntime, model, network, shape)


@pytest.mark.parametrize("dynamic", [False, True])
def test_openvino_has_torchs_scores(dynamic: bool, small: Architecture, trained: Train) -> None:
    network = new(small, trained)
    model = export(network, (61, 97), dynamic)
    assert_equal_scores(by_openvino, model, network, (1, 3, 61, 97))
    if dynamic:
        assert_equal_scores(by_openvino, model, network, (2, 3, 128, 96))


@pytest.mark.parametrize("block", blocks.NAMES)
def test_every_block_exports_at_both_kinds_of_size(block: str, trained: Train) -> None:
    network = new(Architecture((1,) * 5, (4, 6, 6, 7, 8), (1, 1 / 2)), trained, block=block, interaction="none")
    for dynamic in (False, True):
        model = export(network, (64, 96), dynamic)
        assert_equal_scores(by_onnxruntime, model, network, (1, 3, 64, 96))
    assert_equal_scores(by_onnxruntime, model, network, (2, 3, 100, 70))


@pytest.mark.parametrize("interaction", interactions.NAMES)
def test_every_interaction_exports_at_both_kinds_of_size(interaction: str, trained: Train) -> None:
    architecture = Architecture((1,) * 5, (4,) * 5, (1, 1 / 2, 1 / 4))
    network = new(architecture, trained, interaction=interaction, interaction_stages=(3,))
    for dynamic in (False, True):
        model = export(network, (64, 96), dynamic)
        assert_equal_scores(by_onnxruntime, model, network, (1, 3, 64, 96))
    assert_equal_scores(by_onnxruntime, model, network, (2, 3, 100, 70))


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_full_resolution_model_has_torchs_classes(dynamic: bool, small: Architecture, trained: Train) -> None:
    network = FullResolutionArgmax(new(small, trained))
    model = export(network, (61, 97), dynamic)
    image = torch.randn(1, 3, 61, 97)
    classes = by_onnxruntime(model, image.numpy())
    assert classes.dtype == np.uint8
    assert classes.shape == (1, 61, 97)
    # Rounding may decide between classes of equal score.
    assert (classes == network(image).numpy()).mean() > 0.999


@pytest.mark.parametrize("dynamic", [False, True])
def test_resizes_keep_aligned_corners(dynamic: bool, small: Architecture) -> None:
    resizes = nodes(export(lpsnet.build(small), (64, 96), dynamic), "Resize")
    modes = [
        {a.name: a.s.decode() for a in node.attribute if a.name in ("mode", "coordinate_transformation_mode")}
        for node in resizes
    ]
    # Both paths' images, two interactions in both directions, and the low path's map for the head.
    assert modes == [{"mode": "linear", "coordinate_transformation_mode": "align_corners"}] * 7


@pytest.mark.parametrize("block", ["conv3x3", "shufflenet"])
def test_a_static_model_computes_no_sizes(block: str, small: Architecture) -> None:
    model = export(lpsnet.build(small, block=block), (64, 96))
    resizes = nodes(model, "Resize")
    assert len(resizes) == 7
    assert all(is_constant(model, node.input[3]) for node in resizes)
    assert [node for kind in ("Shape", "Gather", "Cast", "Constant") for node in nodes(model, kind)] == []


def test_the_train_and_the_deploy_form_export_to_the_same_operators(small: Architecture) -> None:
    graphs = [
        [node.op_type for node in onnx.load_from_string(export(network, (64, 96))).graph.node]
        for network in (lpsnet.build(small, reparameterised=False), lpsnet.build(small, deploy=True))
    ]
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize(
    ("network", "output"),
    [(lpsnet.build, "scores"), (lambda name: FullResolutionArgmax(lpsnet.build(name)), "classes")],
)
def test_names_sizes_and_opset_are_stated(network: Callable[[str], nn.Module], output: str) -> None:
    model = onnx.load_from_string(export(network("lpsnet-step-0"), (64, 96), dynamic=True))
    (image,), (result,) = model.graph.input, model.graph.output
    assert (image.name, result.name) == ("image", output)
    assert [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim] == ["batch", 3, "height", "width"]
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]


def test_exporting_leaves_the_network_as_it_is(small: Architecture) -> None:
    network = lpsnet.build(small)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    export(network, (64, 96))
    assert network.training
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_a_path_is_a_destination(small: Architecture, tmp_path: Path) -> None:
    lpsnet.export_onnx(lpsnet.build(small), tmp_path / "network.onnx", (64, 96))
    onnx.checker.check_model(tmp_path / "network.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["network.onnx"]


@pytest.mark.parametrize(
    ("size", "batch", "sentence"),
    [
        ((64,), 1, r"size must be a height and a width, not \(64,\)"),
        ((0, 64), 1, "height must be an integer of at least 1, not 0"),
        ((64, 64.0), 1, r"width must be an integer of at least 1, not 64\.0"),
        ((64, 64), 0, "batch must be an integer of at least 1, not 0"),
        ((3, 64), 1, "image must be at least 4 pixels high and wide for a path at 1/4 of its size, not 3x64"),
    ],
)
@pytest.mark.parametrize("dynamic", [False, True])
def test_a_size_that_cannot_be_is_refused(
    size: Any, batch: int, sentence: str, dynamic: bool, small: Architecture
) -> None:
    with pytest.raises(InputError, match=sentence):
        lpsnet.export_onnx(lpsnet.build(small), io.BytesIO(), size, dynamic, batch)
