"""Which runtimes are there, why one is not, and what a user is told who asks for one that cannot be."""

import importlib.util
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from microbench import runtimes
from microbench.errors import InputError
from microbench.measure.record import Configuration

EVERYWHERE = ("onnxruntime", "openvino", "torch-eager", "torch-eager-channels-last", "torch-compile")
ALL = (*EVERYWHERE, "torch-cuda-graph", "tensorrt")


def devices() -> list[tuple[str, str]]:
    return [(name, device) for name in runtimes.names() for device in runtimes.get(name).precisions]


def test_the_runtimes_of_the_design_are_there() -> None:
    assert set(ALL) <= set(runtimes.names())


@pytest.mark.parametrize("name", EVERYWHERE)
def test_the_installed_runtimes_run_on_the_cpu(name: str) -> None:
    assert runtimes.get(name).missing("cpu") is None
    assert runtimes.get(name).version() != "unknown"


@pytest.mark.parametrize(("name", "device"), devices())
def test_a_runtime_whose_package_is_missing_says_so(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    runtime = runtimes.get(name)
    assert runtime.missing(device) == f"the Python package {runtime.distributions[0]} is not installed"
    with pytest.raises(InputError) as refusal:
        runtimes.configure(name, runtime.precisions[device][0], device, 1)
    text = str(refusal.value)
    assert "is not installed" in text
    assert runtime.install in text


@pytest.mark.parametrize(("name", "device"), devices())
def test_a_runtime_whose_package_is_broken_says_so(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is found but whose native library is not: its module lacks what is asked of it."""

    def crash(_: str) -> ModuleSpec:
        raise ImportError("libcudnn.so.9: cannot open\nshared object file")

    monkeypatch.setattr(importlib.util, "find_spec", crash)
    reason = runtimes.get(name).missing(device)
    assert reason is not None
    assert "cannot be used (ImportError: libcudnn.so.9: cannot open shared object file)" in reason


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_package_that_cannot_be_imported_is_refused_before_anything_is_timed(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / f"{name}.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    assert runtimes.get(name).missing("cpu") is None  # found; what is found is not imported to look
    assert_refused((f"the Python package {name} cannot be used (ImportError: libgomp.so.1",), name, "fp32", "cpu", 1)


def test_onnxruntime_without_its_gpu_build_says_which_provider_lacks() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")
    assert runtimes.get("onnxruntime").missing("cuda") == "this build of ONNX Runtime has no CUDAExecutionProvider"


def test_inductor_without_a_compiler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert runtimes.get("torch-compile").missing("cpu") == "Inductor needs a C++ compiler"


def test_auto_is_onnxruntime_where_tensorrt_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorrt = type(runtimes.get("tensorrt"))
    monkeypatch.setattr(tensorrt, "missing", lambda *_: "no NVIDIA driver")
    assert runtimes.get("auto").name == "onnxruntime"
    monkeypatch.setattr(tensorrt, "missing", lambda *_: None)
    assert runtimes.get("auto").name == "tensorrt"


def test_a_configuration_says_what_auto_came_to() -> None:
    runtime, configuration = runtimes.configure("onnxruntime", "fp32", "auto", 2)
    assert runtime.name == "onnxruntime"
    assert configuration == Configuration("onnxruntime", "fp32", "cpu", 2)


def assert_refused(words: tuple[str, ...], name: str, precision: str, device: str, threads: int) -> None:
    with pytest.raises(InputError) as refusal:
        runtimes.configure(name, precision, device, threads)
    text = str(refusal.value)
    assert text.endswith(".")
    assert "\n" not in text
    for word in words:
        assert word in text


def test_an_unknown_runtime_is_told_with_those_allowed() -> None:
    assert_refused(("runtime 'tensorflow' is unknown", "auto", *ALL), "tensorflow", "fp32", "auto", 1)


@pytest.mark.parametrize("name", ["", "ONNXRUNTIME", "onnxruntime "])
def test_a_runtimes_name_is_taken_literally(name: str) -> None:
    assert_refused((f"runtime {name!r} is unknown",), name, "fp32", "cpu", 1)


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("precision", ["fp64", "FP32", "", "tf32"])
def test_an_unknown_precision_is_told_with_those_allowed(name: str, precision: str) -> None:
    words = (f"precision of runtime {name!r} on cpu {precision!r} is unknown", "fp32")
    assert_refused(words, name, precision, "cpu", 1)


@pytest.mark.parametrize("device", ["gpu", "cuda", "CPU", ""])
def test_an_unknown_device_is_told_with_those_allowed(device: str) -> None:
    words = (f"device of runtime 'openvino' {device!r} is unknown", "allowed: cpu")
    assert_refused(words, "openvino", "fp32", device, 1)


@pytest.mark.parametrize("threads", [0, -1, True])
def test_a_number_of_threads_that_cannot_be_is_told(threads: int) -> None:
    assert_refused(("threads must be an integer of at least 1", repr(threads)), "onnxruntime", "fp32", "cpu", threads)


def test_cold_caches_of_the_processor_are_refused_on_a_gpu_which_has_l2_for_that() -> None:
    with pytest.raises(InputError, match="cache 'cold' goes with the device cpu alone: on a GPU, give l2 'cold'"):
        runtimes.configure("tensorrt", "fp32", "cuda", 1, cache="cold")
    assert runtimes.configure("onnxruntime", "fp32", "cpu", 1, cache="cold")[1].cache == "cold"
