"""What is said of a machine's GPU: in the fingerprint, by `missing`, by the doctor, and to who asks for what is not."""

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_libcuda import NO_DEVICE

from microbench import doctor, runtimes
from microbench.errors import InputError
from microbench.measure import libcuda
from microbench.measure.environment import fingerprint, machine_name
from microbench.measure.gpu import Gpu
from microbench.measure.measurement import Measurement
from microbench.measure.record import Configuration
from microbench.measure.sampler import Policy
from microbench.measure.timing import COLD, END_TO_END, HOT, ISOLATED, KERNEL_SPAN
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.runs.runner import Plan, Target, run
from microbench.runs.settings import Settings, plan_of
from microbench.runtimes.tensorrt import probe

NO_DRIVER = "no NVIDIA driver is installed (libcuda.so.1 is not found)"


def missing() -> str | None:
    return runtimes.get("tensorrt").missing("cuda")


# The fingerprint


def test_the_fingerprint_describes_the_gpu(machine: Any) -> None:
    machine.install_driver()
    machine.install_nvml()
    assert fingerprint().gpu == Gpu(
        name="Simulated GPU",
        compute_capability="9.0",
        multiprocessors=132,
        memory_bytes=1 << 30,
        l2_bytes=1 << 20,
        driver="580.95.05",
        max_sm_clock_mhz=1980,
        max_memory_clock_mhz=3201,
        power_limit_w=700.0,
    )


def test_without_nvml_the_driver_tells_what_it_can(machine: Any) -> None:
    machine.install_driver()
    gpu = fingerprint().gpu
    assert gpu is not None
    assert (gpu.name, gpu.multiprocessors, gpu.driver, gpu.power_limit_w) == ("Simulated GPU", 132, None, None)


def test_what_nvml_does_not_know_of_a_device_is_none(machine: Any) -> None:
    machine.install_driver()
    machine.install_nvml(has_power_limit=False, driver=b"525.60")
    gpu = fingerprint().gpu
    assert gpu is not None
    assert (gpu.driver, gpu.max_sm_clock_mhz, gpu.power_limit_w) == ("525.60", 1980, None)


def test_nvml_is_asked_for_the_device_that_cuda_uses(machine: Any) -> None:
    """With CUDA_VISIBLE_DEVICES set, CUDA's first device need not be NVML's."""
    machine.install_driver()
    machine.install_nvml()
    machine.gpu.bus = "0000:5A:00.0"
    gpu = fingerprint().gpu
    assert gpu is not None
    assert gpu.driver is None


def test_results_of_a_machine_with_a_gpu_are_named_by_it(machine: Any) -> None:
    machine.gpu.name = "NVIDIA H200"
    assert "h200" not in machine_name()
    fingerprint.cache_clear()
    machine.install_driver()
    assert machine_name() == f"nvidia-h200-{fingerprint().host}"


def test_a_machine_without_a_device_has_no_gpu(machine: Any) -> None:
    machine.install_driver(status=NO_DEVICE)
    assert fingerprint().gpu is None


# Whether TensorRT is there


@pytest.fixture
def no_driver(machine: Any) -> Any:
    def absent() -> None:
        raise libcuda.CudaError(NO_DRIVER)

    machine.monkeypatch.setattr(libcuda, "library", absent)
    return machine


def test_all_there_is_nothing_missing(machine: Any) -> None:
    machine.install_all()
    assert missing() is None
    assert runtimes.get("auto").name == "tensorrt"


def test_without_its_package_the_package_is_named(machine: Any) -> None:
    machine.install_driver()
    machine.install_pycuda()
    machine.monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorrt" else object())
    assert missing() == "the Python package tensorrt is not installed"


def test_without_pycuda_pycuda_is_named(machine: Any) -> None:
    machine.install_driver()
    machine.install_tensorrt()
    found = importlib.util.find_spec
    machine.monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pycuda" else found(name))
    assert missing() == "the Python package pycuda is not installed"


def test_without_a_driver_the_driver_is_named(no_driver: Any) -> None:
    no_driver.install_pycuda()
    fake = no_driver.install_tensorrt()
    assert missing() == NO_DRIVER
    assert fake.constructed == []
    assert runtimes.get("auto").name == "onnxruntime"


def test_without_a_device_the_drivers_answer_is_told(machine: Any) -> None:
    machine.install_all()
    machine.install_driver(status=NO_DEVICE)
    assert missing() == "cuInit failed: CUDA_ERROR_NO_DEVICE"


def test_a_package_whose_libraries_do_not_load_is_told(machine: Any) -> None:
    machine.install_all()

    class Broken:
        __spec__ = sys.modules["pycuda"].__spec__
        __path__: tuple[str, ...] = ()

    machine.monkeypatch.setitem(sys.modules, "pycuda", Broken)
    machine.monkeypatch.delitem(sys.modules, "pycuda.driver")
    reason = missing()
    assert reason is not None
    assert "cannot be used (ModuleNotFoundError" in reason


def test_looking_constructs_nothing_of_tensorrt(machine: Any) -> None:
    """Its objects crash where there is no driver."""
    fake = machine.install_all()
    assert missing() is None
    doctor.examine()
    assert fake.constructed == []


# Whether the driver is new enough


@pytest.fixture
def installed(machine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Installs a TensorRT for CUDA 12 whose Runtime does as it is told, where other processes find it too."""
    machine.install_all()
    monkeypatch.undo()  # the stand-ins of this process
    machine.install_driver()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    metadata = tmp_path / "tensorrt-12.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(
        "Metadata-Version: 2.1\nName: tensorrt\nVersion: 12.0\n"
        "Requires-Dist: tensorrt_cu12_libs\nRequires-Dist: numpy\n"
    )

    def install(does: str) -> None:
        (tmp_path / "tensorrt.py").write_text(
            "import os, signal, sys\nclass Logger:\n    ERROR = 1\n    def __init__(self, level): pass\n"
            f"class Runtime:\n    def __init__(self, logger):\n        {does}\n"
        )
        probe.driver_fault.cache_clear()

    return install


@pytest.mark.subprocess
def test_a_driver_that_is_new_enough_is_no_fault(installed: Callable[[str], None]) -> None:
    installed("pass")
    assert probe.driver_fault() is None


@pytest.mark.subprocess
def test_a_driver_too_old_for_tensorrt_ends_another_process_than_this(installed: Callable[[str], None]) -> None:
    installed("os.kill(os.getpid(), signal.SIGSEGV)")
    assert probe.driver_fault() == (
        "TensorRT ends a process by SIGSEGV as it starts: it is built for CUDA 12, which needs NVIDIA driver 525.60.13 "
        "or newer; this one is for CUDA 11.4 at most"
    )


@pytest.mark.subprocess
def test_a_tensorrt_that_raises_as_it_starts_says_so(installed: Callable[[str], None]) -> None:
    installed("raise RuntimeError('no CUDA')")
    assert str(probe.driver_fault()).startswith("TensorRT does not start (RuntimeError: no CUDA): it is built for CUDA")


def test_tensorrt_is_missing_where_the_driver_is_too_old_for_it(machine: Any) -> None:
    machine.install_all()
    machine.monkeypatch.setattr(probe, "driver_fault", lambda: "too old")
    assert missing() == "too old"
    assert runtimes.get("auto").name == "onnxruntime"


# The doctor


def parts() -> dict[str, str]:
    return {part.name: part.missing or f"yes: {part.found}" for part in doctor.examine().gpu_parts}


def test_the_doctor_shows_the_gpu_and_what_times_it(machine: Any) -> None:
    machine.install_all()
    found = parts()
    assert found["NVIDIA driver"] == (
        "yes: 580.95.05: Simulated GPU, compute capability 9.0, 132 multiprocessors, 1 GiB, L2 1 MiB"
    )
    assert found["pycuda"].startswith("yes")
    assert found["NVML"].startswith("yes")
    text = doctor.examine().as_text()
    assert "  yes  NVIDIA driver 580.95.05: Simulated GPU" in text
    json.dumps(doctor.examine().as_json())


@pytest.mark.usefixtures("no_driver")
def test_the_doctor_says_what_lacks_and_what_that_costs() -> None:
    assert parts()["NVIDIA driver"] == NO_DRIVER
    text = doctor.examine().as_text()
    assert f"  no   NVIDIA driver: {NO_DRIVER}" in text
    assert "nothing runs on cuda without it" in text


def test_the_doctor_says_if_nvml_knows_another_device(machine: Any) -> None:
    machine.install_all()
    machine.gpu.bus = "0000:5A:00.0"
    assert parts()["NVML"] == "it does not know the device"


# Asking for a timing


def test_auto_is_the_kernel_span_on_a_gpu_and_end_to_end_on_a_cpu(machine: Any) -> None:
    machine.install_all()
    on_gpu = runtimes.configure("tensorrt", "fp32", "auto", 1)[1]
    assert on_gpu == Configuration("tensorrt", "fp32", "cuda", 1, KERNEL_SPAN, HOT)
    assert runtimes.configure("onnxruntime", "fp32", "cpu", 1)[1].timing == END_TO_END


@pytest.mark.parametrize(
    ("name", "timing", "l2", "words"),
    [
        ("tensorrt", "wall", HOT, ("timing of runtime 'tensorrt' on cuda 'wall'", "kernel_span, isolated, end_to_end")),
        ("tensorrt", KERNEL_SPAN, "warm", ("l2 'warm' is unknown", "hot, cold")),
        ("tensorrt", END_TO_END, COLD, ("l2 'cold' goes with the timings kernel_span and isolated alone",)),
        ("onnxruntime", KERNEL_SPAN, HOT, ("timing of runtime 'onnxruntime' on cpu", "end_to_end")),
        ("onnxruntime", "auto", COLD, ("l2 'cold' goes with the timings kernel_span and isolated alone",)),
    ],
)
def test_a_timing_that_cannot_be_is_refused_in_one_sentence(
    machine: Any, name: str, timing: str, l2: str, words: tuple[str, ...]
) -> None:
    machine.install_all()
    with pytest.raises(InputError) as refusal:
        runtimes.configure(name, "fp32", "auto", 1, timing, l2)
    text = str(refusal.value)
    assert text.endswith(".")
    for word in words:
        assert word in text


def test_each_timing_asked_for_is_a_target_of_its_own(machine: Any, tmp_path: Path) -> None:
    machine.install_all()
    settings = Settings(tmp_path, timings=(KERNEL_SPAN, ISOLATED), l2_states=(HOT, COLD))
    targets = plan_of([], settings, whole_networks=False).targets
    assert [(t.configuration.timing, t.configuration.l2) for t in targets] == [
        (KERNEL_SPAN, HOT), (KERNEL_SPAN, COLD), (ISOLATED, HOT), (ISOLATED, COLD),
    ]  # fmt: skip


# A whole run


def test_a_row_that_fails_is_a_record_and_the_others_go_on(machine: Any, workload: Workload, tmp_path: Path) -> None:
    machine.install_all("8.6.0")
    targets = [Target(*runtimes.configure("tensorrt", precision, "cuda", 1)) for precision in ("fp32", "bf16", "fp16")]
    spec = WorkloadSpec("sweep", "convolution", lambda: workload)
    policy = Policy(min_generations=3, max_generations=3, rounds_per_generation=2)
    first, second, third = run(Plan([spec], targets, policy, tmp_path))
    assert second.error == "EngineError: TensorRT 8.6.0 has no bf16 for a float32 model"
    for record in (first, third):
        assert isinstance(record.measurement, Measurement)
        assert record.measurement.clock == "device"
        assert record.as_row()["timing"] == KERNEL_SPAN
        assert record.environment.gpu is not None
    # What is recorded is not measured again; another timing is.
    other = dataclasses.replace(targets[0], configuration=dataclasses.replace(first.configuration, timing=ISOLATED))
    again = run(Plan([spec], [targets[0], other], policy, tmp_path))
    assert again[0] == first
    assert again[1].configuration.timing == ISOLATED
    assert again[1].run != first.run
