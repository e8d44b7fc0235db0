"""Models as strangers bring them: weights beside the file, integer inputs, open dimensions, several inputs, damage."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fake_gate import FakeProcesses, Microbench, WriteModel, chain
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from microbench.errors import InputError
from microbench.gate.inputs import GivenInput, ModelInput, parse_input
from microbench.gate.onnx_file import OnnxFile, read_onnx_file
from microbench.gate.sampling import Arm, Task
from microbench.gate.sampling_plan import SamplingPlan
from microbench.gate.worker import Job, run_job
from microbench.measure.record import Configuration

WORDS = 50
FEW = SamplingPlan(processes=6, triples=2, fewest_triples=2, min_window_ms=0.1, warm_up_ms=1)


def embedding(*, length: int | str = 6) -> bytes:
    """Token ids (int64) and a mask (bool) to one vector per token; an id beyond the vocabulary is an error."""
    table = numpy_helper.from_array(np.ones((WORDS, 4), np.float32), "table")
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["vectors"]),
        helper.make_node("Cast", ["mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "last"], ["columns"]),
        helper.make_node("Mul", ["vectors", "columns"], ["scores"]),
    ]
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, [1, length]),
        helper.make_tensor_value_info("mask", TensorProto.BOOL, [1, length]),
    ]
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    weights = [table, numpy_helper.from_array(np.array([-1], np.int64), "last")]
    graph = helper.make_graph(nodes, "embedding", inputs, [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def read(path: Path, *inputs: str) -> OnnxFile:
    return read_onnx_file(path, dict(parse_input(text) for text in inputs), path.with_suffix(".whole"))


def outcome(model: OnnxFile) -> dict[str, Any]:
    """What a real worker returns of the model compared with itself."""
    arms = [Arm(name, str(model.path), index) for index, name in enumerate(("base", "base again", "head"))]
    _, entry = run_job(Job(Configuration("onnxruntime"), FEW, 0, [Task("net", model.inputs, arms)]))
    return entry


class TestWeightsBesideTheModel:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        model = onnx.load_model_from_string(chain(1, channels=16))
        onnx.save_model(
            model, tmp_path / "net.onnx", save_as_external_data=True, location="net.onnx.data", size_threshold=0
        )
        return tmp_path / "net.onnx"

    def test_they_are_read_and_the_model_runs(self, path: Path) -> None:
        model = read(path)
        assert model.parameter_bytes == {"float": 16 * 16 * 9 * 4}
        assert "arms" in outcome(model)

    def test_messages_name_the_users_file(self, path: Path) -> None:
        with pytest.raises(InputError, match=f"model '{path}': input 'image' cannot be 1x1"):
            read(path, "image=1x1x1x1")

    def test_other_weights_are_another_model(self, path: Path) -> None:
        before = read(path).sha256
        data = path.with_name("net.onnx.data")
        data.write_bytes(bytes(byte ^ 1 for byte in data.read_bytes()))
        assert read(path).sha256 != before

    def test_a_missing_file_of_weights_is_named(
        self, path: Path, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        path.with_name("net.onnx.data").unlink()
        with pytest.raises(InputError, match="its weights cannot be read"):
            read(path)
        code, _, error = microbench("gate", str(path.parent), str(path.parent))
        assert (code, processes.jobs) == (2, [])
        assert error.count("\n") == 1

    def test_weights_outside_of_the_folder_are_not_read(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        inner = tmp_path / "inner" / "net.onnx"
        inner.write_bytes(path.read_bytes().replace(b"net.onnx.data", b"../n.onnx.dat"))
        path.with_name("net.onnx.data").rename(tmp_path / "n.onnx.dat")
        with pytest.raises(InputError, match="its weights cannot be read"):
            read(inner)


class TestIntegers:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "embedding.onnx"
        path.write_bytes(embedding())
        return path

    def test_ids_are_drawn_from_the_given_range_and_the_mask_from_both_values(self, path: Path) -> None:
        model = read(path, f"ids=1x6:int64[0,{WORDS - 1}]")
        assert model.inputs == {
            "ids": ModelInput((1, 6), "int64", 0, WORDS - 1),
            "mask": ModelInput((1, 6), "bool"),
        }
        assert "arms" in outcome(model)

    def test_an_id_beyond_the_vocabulary_is_the_workloads_error(self, path: Path) -> None:
        assert "indices" in outcome(read(path, f"ids=:int64[{WORDS},{WORDS}]"))["error"]

    @pytest.mark.parametrize(
        ("inputs", "named"),
        [
            ((), r"'ids' is of integers; give their range by --input, e\.g\. --input 'ids=1x6:int64\[0,30000\]'"),
            (("ids=1x6",), "'ids' is of integers; give their range"),
            (("ids=1x7:int64[0,9]",), "'ids' cannot be 1x7, as the model fixes 1x6"),
            (("ids=1x6:int32[0,9]",), "'ids' is of the type int64, not int32"),
            (("ids=[0,9]", "mask=:[0,1]"), "must be a name, sizes and, for integers, a type with its range"),
            (("ids=:[0,9]", "mask=:[0,1]"), "'mask' is of the type bool, and only integers have a range"),
        ],
    )
    def test_what_is_missing_or_wrong_is_named(self, path: Path, inputs: tuple[str, ...], named: str) -> None:
        with pytest.raises(InputError, match=named):
            read(path, *inputs)

    def test_the_command_takes_them(self, path: Path, microbench: Microbench, processes: FakeProcesses) -> None:
        folder = str(path.parent)
        arguments = ("--input", "ids=1x6:int64[0,49]", "--json")
        code, output, _ = microbench("gate", folder, folder, *arguments)
        assert code == 0
        assert json.loads(output)["workloads"][0]["workload"] == "embedding"
        assert processes.jobs[0].tasks[0].inputs["ids"] == ModelInput((1, 6), "int64", 0, 49)


def test_open_dimensions_take_the_given_sizes(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(embedding(length="tokens"))
    model = read(tmp_path / "net.onnx", "ids=1x9:int64[0,9]", "mask=1x9")
    assert {name: own.shape for name, own in model.inputs.items()} == {"ids": (1, 9), "mask": (1, 9)}
    assert "arms" in outcome(model)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "uint64", "bool"])
def test_values_are_of_the_type_and_range(dtype: str) -> None:
    integer = "int" in dtype
    model_input = ModelInput((400,), dtype, *((3, 6) if integer else ()))
    values = model_input.draw(np.random.default_rng(0))
    assert values.dtype == np.dtype(dtype)
    if integer:
        assert set(values.tolist()) == {3, 4, 5, 6}
    elif dtype == "bool":
        assert set(values.tolist()) == {False, True}
    else:
        assert 0.8 < values.astype(float).std() < 1.2


SHAPES = st.none() | st.lists(st.integers(1, 99), min_size=1, max_size=4).map(tuple)
RANGES = st.none() | st.tuples(st.integers(-9, 0), st.integers(0, 99))
NAMES = st.text(min_size=1).filter(lambda name: "\n" not in name)


@given(NAMES, SHAPES, st.sampled_from([None, "int64", "int8"]), RANGES)
def test_what_is_written_is_what_is_read(
    name: str, shape: tuple[int, ...] | None, dtype: str | None, ends: tuple[int, int] | None
) -> None:
    text = f"{name}={'x'.join(map(str, shape or ()))}"
    if dtype or ends:
        text += f":{dtype or ''}" + (f"[{ends[0]},{ends[1]}]" if ends else "")
    low, high = ends or (None, None)
    assert parse_input(text) == (name, GivenInput(shape, dtype, low, high))


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab=1x0:int64[,]-²①९ ")))
def test_any_other_text_is_refused_and_never_crashes(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_input(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_model_is_refused_or_read_and_never_crashes(tmp_path_factory: Any, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([chain(1), embedding()])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(InputError):
        read(path, "ids=:[0,9]")


def test_a_malformed_weight_is_that_workloads_error_alone(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
) -> None:
    model = onnx.load_model_from_string(chain(1))
    model.graph.initializer[0].data_type = 99
    write_model("base/good.onnx")
    write_model("base/bad.onnx").write_bytes(model.SerializeToString())
    code, output, _ = microbench("gate", "base", "base", "--json")
    rows = {row["workload"]: row["reason_code"] for row in json.loads(output)["workloads"]}
    assert (code, rows) == (2, {"bad": "unusable_model", "good": "no_difference"})
    assert len(processes.jobs) == 12
