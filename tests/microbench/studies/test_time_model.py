"""`microbench.time`: one call that times any model."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

import microbench
from microbench.errors import InputError

pytestmark = pytest.mark.heavy

SHORT: dict[str, Any] = {"ci_target": 0.9, "budget_s": 0.02}
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model_of(operator: str, inputs: dict[str, tuple[int, list[Any]]], rank: int) -> onnx.ModelProto:
    """An ONNX model of one operator with the output "y"."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    output = helper.make_tensor_value_info("y", FLOAT, [None] * rank)
    graph = helper.make_graph([helper.make_node(operator, list(inputs), ["y"])], "graph", values, [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


OPEN = model_of("Relu", {"x": (FLOAT, ["n", 3, "side", "side"])}, 4)
FIXED = model_of("Relu", {"x": (FLOAT, [2, 3])}, 2)
GATHER = model_of("Gather", {"table": (FLOAT, [8, 4]), "rows": (INT64, ["n"])}, 2)


class TwoInputs(nn.Module):
    def forward(self, features: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        return features[rows] * 2, features + 1


@pytest.mark.parametrize("runtime", ["auto", "openvino", "torch-eager"])
def test_a_module_is_timed_by_the_shape_of_its_input(runtime: str) -> None:
    measured = microbench.time(nn.Conv2d(3, 4, 3), (1, 3, 8, 8), runtime=runtime, **SHORT)
    assert 0 < measured.latency_ci_low_ms <= measured.latency_ms <= measured.latency_ci_high_ms
    assert measured.loads >= 2


@pytest.mark.parametrize("runtime", ["onnxruntime", "torch-eager"])
def test_several_inputs_and_outputs_and_integers(runtime: str) -> None:
    example = [torch.randn(8, 4), torch.tensor([1, 7, 0])]
    assert microbench.time(TwoInputs(), example, runtime=runtime, **SHORT).latency_ms > 0


def test_a_module_is_timed_in_evaluation_mode_with_its_own_weights_and_left_as_it_is() -> None:
    seen = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 2).double()

        def forward(self, features: Tensor) -> Tensor:
            seen.append((self.training, float(self.linear.bias[0])))
            output: Tensor = self.linear(features)
            return output

    module = Spy()
    nn.init.constant_(module.linear.bias, 7)
    microbench.time(module, np.zeros((3, 4)), runtime="torch-eager", **SHORT)
    assert set(seen) == {(False, 7.0)}
    assert module.training
    assert module.linear.weight.dtype == torch.float64


@pytest.mark.parametrize("form", ["path", "bytes", "model"])
def test_an_onnx_model_is_timed_from_a_file_or_from_memory(form: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(OPEN, path)
    forms: dict[str, Any] = {"path": path, "bytes": path.read_bytes(), "model": OPEN}
    assert microbench.time(forms[form], (1, 3, 16, 16), **SHORT).latency_ms > 0
    assert OPEN.graph.input[0].type.tensor_type.shape.dim[2].dim_param == "side"


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (FIXED, None),
        (FIXED, (2, 3)),
        (FIXED, {"x": np.ones((2, 3))}),
        (GATHER, {"rows": np.arange(5)}),
        (GATHER, [(8, 4), np.arange(5, dtype=np.int32)]),
        (GATHER, {"table": torch.randn(8, 4), "rows": torch.arange(5)}),
    ],
)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_inputs_of_an_onnx_model_are_in_order_or_by_name(model: onnx.ModelProto, inputs: Any, runtime: str) -> None:
    assert microbench.time(model, inputs, runtime=runtime, **SHORT).latency_ms > 0


class Failing(nn.Module):
    def forward(self, _: Tensor) -> Tensor:
        raise ValueError("not on\na Sunday.")


class NotATensor(nn.Module):
    def forward(self, _: Tensor) -> str:
        return "scores"


REFUSALS: list[tuple[Any, Any, dict[str, Any], str]] = [
    (nn.ReLU(), None, {}, "inputs must have the shape or an example of each input"),
    (nn.ReLU(), {"x": (1, 3)}, {}, "must be in the order of its forward, not by name"),
    (nn.ReLU(), (1, 0), {}, r"sizes of at least 1, not \(1, 0\)"),
    (nn.ReLU(), ["1x3"], {}, "arrays, tensors or shapes such as .*, not str"),
    (nn.ReLU(), 3, {}, "arrays, tensors or shapes such as .*, not int"),
    (nn.Conv2d(3, 4, 3), (1, 5, 8, 8), {}, "model does not run on these inputs: RuntimeError: "),
    (Failing(), (1,), {}, "model does not run on these inputs: ValueError: not on a Sunday"),
    (NotATensor(), (1,), {}, "model must return tensors, not str"),
    (nn.ReLU(), (1,), {"runtime": "caffe"}, "runtime 'caffe' is unknown; allowed: auto"),
    (nn.ReLU(), (1,), {"precision": "fp8"}, "precision of runtime"),
    (nn.ReLU(), (1,), {"threads": 0}, "threads must be an integer of at least 1"),
    (nn.ReLU(), (1,), {"ci_target": 0}, "ci must lie between 0 and 1"),
    (OPEN, None, {}, r"input 'x' has open dimensions: give its shape, such as \(1, 3, 1, 1\)"),
    (OPEN, (1, 4, 8, 8), {}, r"input 'x' must have the shape any x 3 x any x any, not \(1, 4, 8, 8\)"),
    (OPEN, (3, 8, 8), {}, "input 'x' must have the shape any x 3"),
    (OPEN, {"image": (1, 3, 8, 8)}, {}, "inputs has 'image', but the model's inputs are called x"),
    (FIXED, [(2, 3), (2, 3)], {}, "inputs must be at most 1"),
    (FIXED, np.ones((2, 3), dtype=np.int64), {}, "input 'x' must be of the type float32, not int64"),
    (GATHER, {"rows": (5,)}, {}, "input 'rows' is of type int64: give an example"),
    (GATHER, {"rows": np.array([9])}, {}, "model cannot be run on these inputs: "),
    (FIXED, None, {"runtime": "torch-eager"}, "runs torch modules alone"),
    (b"no model", None, {}, "model must be an ONNX model; this one is refused: "),
    ("nowhere.onnx", None, {}, "model 'nowhere.onnx' cannot be read: No such file"),
    (7, None, {}, "model must be a torch module or an ONNX model, not int"),
]


@pytest.mark.parametrize(("model", "inputs", "options", "sentence"), REFUSALS)
def test_bad_input_is_one_sentence(model: Any, inputs: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refusal:
        microbench.time(model, inputs, **{**SHORT, **options})
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert not str(refusal.value).endswith("..")


def test_what_torch_cannot_export_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"cannot be exported as ONNX: .*runtime torch-eager needs no export"):
        microbench.time(nn.Bilinear(4, 5, 6), [(3, 4), (3, 5)], runtime="onnxruntime", **SHORT)
    assert microbench.time(nn.Bilinear(4, 5, 6), [(3, 4), (3, 5)], runtime="torch-eager", **SHORT).latency_ms > 0


def test_a_fast_wrong_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from microbench.models import user_onnx

    monkeypatch.setattr(user_onnx, "_reference", lambda *_: (np.full((2, 3), 5.0, dtype=np.float32),))
    with pytest.raises(InputError, match="cannot time this model in fp32: WrongOutputError: output differs"):
        microbench.time(FIXED, **SHORT)
