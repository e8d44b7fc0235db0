"""From a model to an engine in each precision of each version: what is asked, what is kept, what goes wrong."""

import dataclasses
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from fake_tensorrt import VERSIONS, BuildLog, FakeTensorRT

from lpsnet.full_resolution import FullResolutionArgmax
from microbench.bundle.reader import open_bundle
from microbench.bundle.writer import BundleWriter
from microbench.measure.record import Configuration
from microbench.measure.session import Session, WrongOutputError
from microbench.measure.timing import ISOLATED, KERNEL_SPAN, TIMINGS
from microbench.measure.workload import Cost, Workload, WorkloadSpec
from microbench.models.build import build_workload
from microbench.models.drawn import drawn
from microbench.models.export import to_onnx
from microbench.runtimes.forms import FORMS, to_bfloat16, to_half
from microbench.runtimes.tensorrt import TensorRT

V8, V10, V11 = VERSIONS


def load(workload: Workload, precision: str = "fp32", runtime: TensorRT | None = None) -> Session:
    configuration = Configuration("tensorrt", precision, "cuda", 1, ISOLATED)
    return (runtime or TensorRT()).load_checked(workload, configuration, layout_seed=0)


def built(fake: FakeTensorRT, workload: Workload, precision: str) -> BuildLog:
    session = load(workload, precision)
    np.testing.assert_allclose(session.outputs()[0], workload.reference[0], atol=0.1)
    session.close()
    (log,) = fake.builds
    return log


# Precisions by version

FLAGS = {
    ("fp32", V8): set(), ("fp32", V10): set(), ("fp32", V11): set(),
    ("tf32", V8): {"TF32"}, ("tf32", V10): {"TF32"}, ("tf32", V11): {"TF32"},
    ("fp16", V8): {"FP16"}, ("fp16", V10): {"FP16"}, ("fp16", V11): set(),
    ("bf16", V10): {"BF16"}, ("bf16", V11): set(),
    ("int8", V8): {"INT8"}, ("int8", V10): {"INT8"}, ("int8", V11): set(),
}  # fmt: skip
"""TF32 is on in every version until it is cleared."""


@pytest.mark.parametrize(("precision", "version"), FLAGS)
def test_each_version_is_told_its_precision_in_its_own_way(
    machine: Any, workload: Workload, precision: str, version: str
) -> None:
    log = built(machine.install_all(version), workload, precision)
    assert log.flags == FLAGS[precision, version]


def test_bf16_where_a_version_has_none_for_such_a_model_says_so(machine: Any, workload: Workload) -> None:
    fake = machine.install_all(V8)
    with pytest.raises(RuntimeError, match=f"^TensorRT {V8} has no bf16 for a float32 model$"):
        load(workload, "bf16")
    assert fake.builds == []


@pytest.mark.parametrize(("precision", "version"), [(p, v) for p, v in FLAGS if v != V11 or p in ("fp32", "tf32")])
def test_a_flag_leaves_the_model_as_it_is(machine: Any, workload: Workload, precision: str, version: str) -> None:
    assert built(machine.install_all(version), workload, precision).model == workload.onnx_model


HALF_TYPES = {"fp16": onnx.TensorProto.FLOAT16, "bf16": onnx.TensorProto.BFLOAT16}


@pytest.mark.parametrize("precision", HALF_TYPES)
def test_the_strongly_typed_version_is_given_a_model_in_half(machine: Any, workload: Workload, precision: str) -> None:
    half = onnx.load_from_string(built(machine.install_all(V11), workload, precision).model)
    onnx.checker.check_model(half, full_check=True)
    graph = half.graph
    assert [node.op_type for node in graph.node] == ["Conv"]
    assert {tensor.data_type for tensor in graph.initializer} == {HALF_TYPES[precision]}
    ends = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    assert ends == {"image": HALF_TYPES[precision], "scores": HALF_TYPES[precision]}


def test_weights_in_bfloat16_are_rounded_once(workload: Workload) -> None:
    """From the float32 weight and not by way of float16, in which a large one overflows."""
    model = onnx.load_from_string(workload.onnx_model)
    weight = onnx.numpy_helper.to_array(model.graph.initializer[0]) * np.float32(1e6)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, "weight"))
    converted = onnx.load_from_string(to_bfloat16(model.SerializeToString()))
    (tensor,) = converted.graph.initializer
    np.testing.assert_allclose(onnx.numpy_helper.to_array(tensor).astype(np.float32), weight, rtol=2**-8)


def test_a_resize_in_half_keeps_its_scales_in_float32() -> None:
    """LPS-Net's paths are resized: a converter that made the scales half would make an invalid model."""
    helper, proto = onnx.helper, onnx.TensorProto
    scales = onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="linear")],
        "resize",
        [helper.make_tensor_value_info("x", proto.FLOAT, (1, 2, 4, 4))],
        [helper.make_tensor_value_info("y", proto.FLOAT, (1, 2, 8, 8))],
        [scales],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    converted = onnx.load_from_string(to_half(model.SerializeToString()))
    onnx.checker.check_model(converted, full_check=True)
    assert [tensor.data_type for tensor in converted.graph.initializer] == [proto.FLOAT]


def test_the_strongly_typed_version_is_given_ranges_about_zero(machine: Any, workload: Workload) -> None:
    """TensorRT reads no zero points and no integer biases."""
    graph = onnx.load_from_string(built(machine.install_all(V11), workload, "int8").model).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") >= 1
    assert kinds.count("DequantizeLinear") >= 2
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero_point = values[node.input[2]]
            assert zero_point.dtype == np.int8
            assert not zero_point.any()


@pytest.mark.parametrize("version", [V8, V10])
def test_int8_is_calibrated_on_the_images_that_the_workload_brings(
    machine: Any, workload: Workload, version: str
) -> None:
    images = [np.full((1, 3, 8, 8), value, np.float32) for value in (1, 2, 3)]
    given = dataclasses.replace(workload, calibration=tuple({"image": image} for image in images))
    log = built(machine.install_all(version), given, "int8")
    assert [batch[0][0] for batch in log.calibrated_on] == [1, 2, 3]


@pytest.mark.parametrize("version", [V8, V10])
def test_int8_without_such_images_is_calibrated_on_the_inputs(machine: Any, workload: Workload, version: str) -> None:
    log = built(machine.install_all(version), workload, "int8")
    ((batch,),) = log.calibrated_on
    np.testing.assert_array_equal(batch.reshape(1, 3, 8, 8), workload.inputs["image"])


def test_no_other_precision_is_calibrated(machine: Any, workload: Workload) -> None:
    assert built(machine.install_all(V10), workload, "fp16").calibrated_on == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_builder_is_limited_and_keeps_the_layers_detail(machine: Any, workload: Workload, version: str) -> None:
    log = built(machine.install_all(version), workload, "fp32")
    assert log.level == 3
    assert log.verbosity == "DETAILED"
    assert log.workspace_bytes == machine.gpu.memory_bytes // 2
    # Neither cuBLAS nor cuDNN, which need not be installed.
    assert log.tactic_sources == {V8: 0b11000, V10: 0b11000, V11: 0b11}[version]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kernel_is_timed_as_often_as_trtexec_does(machine: Any, workload: Workload, version: str) -> None:
    assert built(machine.install_all(version), workload, "fp32").timing_iterations == 8


# Inputs and outputs

ENDS = {("fp32", "FLOAT"): "LINEAR", ("tf32", "FLOAT"): "LINEAR", ("int8", "FLOAT"): "LINEAR",
        ("fp16", "HALF"): "HWC8", ("bf16", "BF16"): "HWC8"}  # fmt: skip


@pytest.mark.parametrize(("precision", "version"), FLAGS)
def test_half_precision_takes_and_gives_half_as_the_builder_likes_it(
    machine: Any, workload: Workload, precision: str, version: str
) -> None:
    """With float32 in rows at its ends a half block would be mostly casts and reformats."""
    log = built(machine.install_all(version), workload, precision)
    assert {(precision, dtype): form for dtype, form in log.ends.values()}.items() <= ENDS.items()
    assert set(log.ends) == {"image", "scores"}


def matrix_product() -> Workload:
    """Of two dimensions, which have no channels."""
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((6, 5), dtype=np.float32)
    image = rng.standard_normal((4, 6), dtype=np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["image", "weight"], ["product"])],
        "product",
        [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, (4, 6))],
        [onnx.helper.make_tensor_value_info("product", onnx.TensorProto.FLOAT, (4, 5))],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return Workload("product", model.SerializeToString(), {"image": image}, (image @ weight,), Cost(120, 30, 296))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_no_map_lies_in_rows_in_half_too(machine: Any, version: str) -> None:
    log = built(machine.install_all(version), matrix_product(), "fp16")
    assert log.ends == {"image": ("HALF", "LINEAR"), "product": ("HALF", "LINEAR")}


# What the kernels compute in


@pytest.mark.parametrize(("precision", "version"), FLAGS)
def test_the_layers_say_what_each_kernel_computes_in(
    machine: Any, workload: Workload, precision: str, version: str
) -> None:
    machine.install_all(version)
    told = load(workload, precision).describe()
    assert told is not None
    assert [layer["precision"] for layer in told["layers"] if "precision" in layer] == [precision]
    assert told["reformat_share"] == 0.5  # the layer without detail is called "reformat"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kernel", ["tf32", "fp16"])
def test_an_fp32_row_with_a_kernel_of_less_fails(machine: Any, workload: Workload, kernel: str, version: str) -> None:
    machine.install_all(version).kernel = kernel
    operands = {"tf32": "tf32f32", "fp16": "f16f16"}[kernel]
    with pytest.raises(RuntimeError, match=f"^a kernel of this fp32 engine computes in {kernel}: sm90_fake_{operands}"):
        load(workload)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_half_row_without_a_half_kernel_fails(machine: Any, workload: Workload, version: str) -> None:
    """A flag only permits half: the builder may find float32 faster."""
    machine.install_all(version).kernel = "fp32"
    with pytest.raises(RuntimeError, match=r"^no kernel of this fp16 engine computes in fp16, all in fp32$"):
        load(workload, "fp16")


@pytest.mark.parametrize(("whole_network", "allowed"), [(False, False), (True, True)])
def test_a_block_in_fp32_may_be_off_by_less_than_tf32_is(
    machine: Any, workload: Workload, whole_network: bool, allowed: bool
) -> None:
    machine.install_all()
    off_by_tf32 = (workload.reference[0] * np.float32(1 + 3e-4),)
    row = dataclasses.replace(workload, reference=off_by_tf32, whole_network=whole_network)
    if allowed:
        load(row)
    else:
        with pytest.raises(WrongOutputError, match=r"allowed 0\.0001"):
            load(row)


UNREADABLE = {"no JSON": "Layers: {", "no layers": "{}", "a number": "3", "nothing": ""}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_an_inspector_that_cannot_be_read_fails_no_row(machine: Any, workload: Workload, answer: str) -> None:
    machine.install_all().inspector_text = answer
    told = load(workload).describe()
    assert told is not None
    assert told["layers"] == []
    assert told["reformat_share"] is None
    assert "Error" in told["layers_error"]


# On a device without the package onnx


@pytest.fixture
def brought(tmp_path: Path) -> Workload:
    """A block as a bundle brings it."""
    built = build_workload("block", lambda: torch.nn.Conv2d(16, 24, 3, padding=1), (1, 16, 12, 12))
    own, drawing = drawn(built, FORMS)
    writer = BundleWriter(tmp_path / "bundle")
    writer.add(WorkloadSpec("sweep", "block", lambda: own), own, whole_network=False, drawing=drawing)
    writer.finish()
    bundle = open_bundle(tmp_path / "bundle")
    return bundle.spec(bundle.manifest.entries[0]).build()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_precision_of_a_bundle_runs_where_onnx_is_not_installed(
    machine: Any, brought: Workload, version: str
) -> None:
    machine.install_all(version)
    machine.remove_onnx()
    for precision in (p for p, v in FLAGS if v == version):
        session = load(brought, precision)
        assert session.outputs()[0].shape == (1, 24, 12, 12)


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_a_model_that_would_have_to_be_converted_there_says_what_is_missing(
    machine: Any, brought: Workload, precision: str
) -> None:
    machine.install_all(V11)
    machine.remove_onnx()
    with pytest.raises(ModuleNotFoundError, match="onnx"):
        load(dataclasses.replace(brought, forms={}), precision)


# Models that TensorRT is known to refuse


@pytest.mark.parametrize("version", VERSIONS)
def test_a_class_map_goes_to_8_bits_by_way_of_floats(machine: Any, version: str) -> None:
    machine.install_all(version)
    network = FullResolutionArgmax(torch.nn.Conv2d(3, 4, 1).eval())
    image = np.random.default_rng(1).standard_normal((1, 3, 8, 8), dtype=np.float32)
    with torch.no_grad():
        classes = network(torch.from_numpy(image)).numpy()
    model = to_onnx(network, torch.from_numpy(image))
    (name,) = (value.name for value in onnx.load_from_string(model).graph.input)
    assert classes.dtype == np.uint8
    for precision in ("fp32", "fp16"):
        session = load(Workload("classes", model, {name: image}, (classes,), Cost(768, 16, 0)), precision)
        assert session.outputs()[0].dtype == np.uint8


# Builds and what is kept of them


def test_loads_take_turns_among_three_builds(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    runtime = TensorRT()
    sessions = [load(workload, runtime=runtime) for _ in range(7)]
    assert [session.build for session in sessions] == [0, 1, 2, 0, 1, 2, 0]
    assert len(fake.builds) == runtime.min_builds == 3


def test_rows_that_differ_have_builds_of_their_own(machine: Any, workload: Workload) -> None:
    machine.install_all()
    runtime = TensorRT()
    other = dataclasses.replace(workload)
    order = [(workload, "fp32"), (workload, "fp16"), (other, "fp32"), (workload, "fp32")]
    assert [load(which, precision, runtime).build for which, precision in order] == [0, 0, 0, 1]


def origins(workload: Workload, loads: int = 1, precision: str = "fp32") -> list[str]:
    runtime = TensorRT()
    descriptions = [load(workload, precision, runtime).describe() for _ in range(loads)]
    return [str(description["origin"]) for description in descriptions if description is not None]


def test_an_engine_is_built_once_and_then_read_from_the_cache(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    assert origins(workload, 4) == ["built", "built", "built", "cached"]
    assert origins(workload, 3) == ["cached"] * 3
    assert len(fake.builds) == 3


def test_another_version_device_precision_or_model_is_built_anew(
    machine: Any, workload: Workload, model: bytes
) -> None:
    machine.install_all(V10)
    assert origins(workload) == ["built"]
    machine.install_all(V11)
    assert origins(workload) == ["built"]
    assert origins(workload, precision="fp16") == ["built"]
    changed = onnx.load_from_string(model)
    changed.doc_string = "changed"
    assert origins(dataclasses.replace(workload, onnx_model=changed.SerializeToString())) == ["built"]
    assert origins(workload) == ["cached"]


def test_int8_on_other_images_is_built_anew(machine: Any, workload: Workload) -> None:
    machine.install_all(V10)
    assert origins(workload, precision="int8") == ["built"]
    other = dataclasses.replace(workload, calibration=({"image": 3 * workload.inputs["image"]},))
    assert origins(other, precision="int8") == ["built"]
    assert origins(workload, precision="int8") == ["cached"]


def engines(machine: Any) -> list[Path]:
    return sorted((machine.cache / "tensorrt").glob("*.engine"))


def test_a_cached_engine_that_cannot_be_read_is_built_again_and_that_is_said(machine: Any, workload: Workload) -> None:
    machine.install_all()
    origins(workload)
    (path,) = engines(machine)
    path.write_bytes(b"torn")
    with pytest.warns(UserWarning, match="a cached engine cannot be read and is built again: Serialization assertion"):
        assert origins(workload) == ["rebuilt"]
    assert origins(workload) == ["cached"]


def test_nothing_half_written_is_left_in_the_cache(machine: Any, workload: Workload) -> None:
    machine.install_all()
    origins(workload, 3)
    assert {path.suffix for path in (machine.cache / "tensorrt").iterdir()} == {".engine", ".timing"}
    assert len(engines(machine)) == 3


def test_what_kernels_took_is_kept_for_later_models_but_not_for_other_builds(
    machine: Any, workload: Workload, model: bytes
) -> None:
    """With one timing cache for all builds, the second would choose what the first did: no spread would be seen."""
    fake = machine.install_all()
    origins(workload, 3)
    assert [log.timing_cache for log in fake.builds] == [b"", b"", b""]
    changed = onnx.load_from_string(model)
    changed.doc_string = "changed"
    origins(dataclasses.replace(workload, onnx_model=changed.SerializeToString()), 3)
    assert [log.timing_cache for log in fake.builds[3:]] == [b"t", b"t", b"t"]


def test_the_cache_lies_in_the_users_cache_folder_unless_told_otherwise(
    machine: Any, workload: Workload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.install_all()
    monkeypatch.delenv("MICROBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    origins(workload)
    assert len(list((tmp_path / "xdg" / "lpsnet-microbench" / "tensorrt").glob("*.engine"))) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_tells_its_layers_with_their_kernels(machine: Any, workload: Workload, version: str) -> None:
    """On 8.6 too, which joins the names of what was fused by a character that no JSON string may hold."""
    machine.install_all(version)
    told = load(workload).describe()
    assert told is not None
    assert told["layers"] == [
        {"name": "conv", "type": "CaskConvolution", "tactic": "sm90_fake_f32f32_10000", "precision": "fp32"},
        {"name": "reformat"},
    ]
    assert (told["build"], told["device_memory_bytes"]) == (0, 4096)
    assert told["plan_bytes"] > 0
    assert told["build_s"] >= 0


# Sessions


def test_a_session_computes_on_what_it_was_fed_latest(machine: Any, workload: Workload) -> None:
    machine.install_all()
    session = load(workload)
    session.feed({"image": 3 * workload.inputs["image"]})
    session.enqueue(1)
    session.synchronize()
    np.testing.assert_allclose(session.outputs()[0], 3 * workload.reference[0], rtol=1e-5)


def test_other_shapes_are_refused(machine: Any, workload: Workload) -> None:
    machine.install_all()
    with pytest.raises(ValueError, match="inputs must have the names, types and shapes"):
        load(workload).feed({"image": np.zeros((1, 3, 4, 4), np.float32)})


def test_a_closed_session_gives_its_memory_back(machine: Any, workload: Workload) -> None:
    machine.install_all()
    load(workload).close()
    before = machine.gpu.allocated_bytes()
    sessions = [load(workload) for _ in range(3)]
    assert machine.gpu.allocated_bytes() > before
    for session in sessions:
        session.close()
    assert machine.gpu.allocated_bytes() == before == 0


@pytest.mark.parametrize("timing", TIMINGS)
def test_nothing_of_a_closed_session_is_left_while_no_garbage_is_collected(
    machine: Any, workload: Workload, timing: str
) -> None:
    """As while rows are timed: page-locked memory would pile up, load by load."""
    machine.install_all()
    configuration = Configuration("tensorrt", "fp32", "cuda", 1, timing)
    runtime = TensorRT()
    alive = []
    for _ in range(5):
        session = runtime.load_checked(workload, configuration, layout_seed=0)
        session.read(1)
        alive.append(weakref.ref(session))
        session.close()
        del session
    assert [reference() for reference in alive] == [None] * 5
    assert machine.gpu.page_locked_bytes == 0


def test_a_session_that_failed_leaves_nothing_either(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.gpu.cannot_capture = True
    for _ in range(3):
        with pytest.raises(RuntimeError, match="cannot be captured"):
            TensorRT().load_checked(workload, Configuration("tensorrt", "fp32", "cuda", 1, KERNEL_SPAN), 0)
    assert machine.gpu.page_locked_bytes == 0
    assert machine.gpu.allocated_bytes() == 0


# What goes wrong ends in one sentence


def test_an_operator_that_is_not_known_is_named(machine: Any, workload: Workload) -> None:
    machine.install_all().parser_errors = ["No importer registered for op: GridSample\n", "node 3 failed"]
    sentence = "^the ONNX model is not understood: No importer registered for op: GridSample; node 3 failed$"
    with pytest.raises(RuntimeError, match=sentence):
        load(workload)


def test_a_builder_without_an_engine_gives_its_reason(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.builder_error = "Error Code 10: Could not find any\n implementation for node conv"
    sentence = "^the builder made no engine: Error Code 10: Could not find any implementation for node conv$"
    with pytest.raises(RuntimeError, match=sentence):
        load(workload)
    assert engines(machine) == []


def test_too_little_memory_for_the_engine_says_how_much_it_needs(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.context_error = "out of memory"
    with pytest.raises(RuntimeError, match=r"which needs 0 MiB .* cannot be made ready: out of memory$"):
        load(workload)


def test_too_little_memory_for_the_inputs_says_how_much_is_free(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.gpu.memory_bytes = 1000
    with pytest.raises(MemoryError, match="0 MiB of device memory were asked for, 0 of 0 MiB are free"):
        load(workload)
    assert machine.gpu.allocated_bytes() == 0


def test_an_engine_that_does_not_run_gives_its_reason(machine: Any, workload: Workload) -> None:
    machine.install_all().execution_error = "Cuda Runtime (an illegal memory access was encountered)"
    with pytest.raises(RuntimeError, match=r"^the engine does not run: Cuda Runtime \(an illegal memory access"):
        load(workload)
    assert machine.gpu.allocated_bytes() == 0
