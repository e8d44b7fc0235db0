"""torch's runtimes on a simulated device: three timings that are known beforehand, precisions, caches and graphs."""

import dataclasses
import importlib.util
import sys
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from fake_libcuda import NO_DEVICE
from fake_torch import FakeTorch
from numpy.typing import NDArray
from torch import nn

from microbench import runtimes
from microbench.measure import libcuda
from microbench.measure.measurement import Measurement
from microbench.measure.record import Configuration
from microbench.measure.sampler import Outcome, Policy, Row, sample
from microbench.measure.session import Session, WrongOutputError
from microbench.measure.timing import COLD, END_TO_END, HOT, ISOLATED, KERNEL_SPAN, TIMINGS
from microbench.measure.workload import Cost, Workload
from microbench.runtimes.pytorch.cuda_session import backends_set

RUN_NS = 10_000
SHAPE = (1, 3, 8, 8)
INPUT_BYTES, OUTPUT_BYTES = 3 * 8 * 8 * 4, 4 * 8 * 8 * 4
CALLED = ("torch-eager", "torch-compile")
ALL = (*CALLED, "torch-cuda-graph")


@pytest.fixture
def gpu(machine: Any) -> Any:
    return machine.gpu


@pytest.fixture
def fake(machine: Any) -> FakeTorch:
    """The module that `import torch` gives to what is imported from now on."""
    machine.install_driver()
    machine.install_nvml()
    return install(machine)


def install(machine: Any, **options: Any) -> FakeTorch:
    fake = FakeTorch(machine.gpu, **options)
    machine.monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


@pytest.fixture
def workload() -> Workload:
    module = with_weights(nn.Conv2d(3, 4, 1))
    image = np.random.default_rng(1).standard_normal(SHAPE, dtype=np.float32)
    return Workload("convolution", b"", {"image": image}, (answer(module, image),), Cost(768, 12, 1840), module=module)


def with_weights(module: nn.Module) -> nn.Module:
    """Of a generator of their own, as torch's would ask the simulated device for its seeds."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, generator=generator)
    return module.eval()


def answer(module: Any, image: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        result: NDArray[np.float32] = module(torch.from_numpy(image)).numpy()
    return result


def loaded(
    workload: Workload, timing: str = KERNEL_SPAN, name: str = "torch-eager", precision: str = "fp32", l2: str = HOT
) -> Session:
    configuration = Configuration(name, precision, "cuda", 1, timing, l2)
    return runtimes.get(name).load_checked(workload, configuration, layout_seed=0)


def timed_ns(session: Session, runs: int = 40) -> float:
    reading = session.read(runs)
    assert reading.runs >= runs
    return reading.timed_ns / reading.runs


EVENTS = 1e-3
"""What the resolution of events leaves in a span of a millisecond."""

# Timings


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", CALLED)
def test_three_timings_of_a_call_are_three_known_numbers(name: str, gpu: Any, workload: Workload) -> None:
    # The copy to the device runs while the host is still launching.
    assert INPUT_BYTES * gpu.copy_ns_per_byte < gpu.launch_cost_ns
    expected = {
        KERNEL_SPAN: RUN_NS,
        ISOLATED: gpu.start_ns + RUN_NS,
        END_TO_END: gpu.launch_cost_ns + gpu.start_ns + RUN_NS + round(OUTPUT_BYTES * gpu.copy_ns_per_byte),
    }
    found = {timing: timed_ns(loaded(workload, timing, name)) for timing in TIMINGS}
    assert found == pytest.approx(expected, abs=1)


@pytest.mark.usefixtures("fake")
def test_a_graph_saves_the_starts_of_kernels_and_their_launches(gpu: Any, workload: Workload) -> None:
    expected = {
        KERNEL_SPAN: RUN_NS,
        ISOLATED: gpu.graph_start_ns + RUN_NS,
        END_TO_END: gpu.graph_cost_ns + gpu.graph_start_ns + RUN_NS + round(OUTPUT_BYTES * gpu.copy_ns_per_byte),
    }
    found = {timing: timed_ns(loaded(workload, timing, "torch-cuda-graph")) for timing in TIMINGS}
    assert found == pytest.approx(expected, abs=1)


@pytest.mark.usefixtures("fake")
def test_a_network_launches_its_kernels_one_by_one_or_all_at_once(gpu: Any, workload: Workload) -> None:
    """Ten convolutions: eager pays for ten launches and starts, a graph for one of each."""
    gpu.cold_ns = 0  # the host's allocator, unlike torch's on a device, places what is between them anew in each run
    module = with_weights(nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(10))))
    deep = dataclasses.replace(workload, module=module, reference=(answer(module, workload.inputs["image"]),))
    copy_back_ns = round(INPUT_BYTES * gpu.copy_ns_per_byte)
    # The device begins with the first while the host launches the second, and waits for it: 13 us of 20.
    eager_ns = 10 * gpu.launch_cost_ns + gpu.start_ns + RUN_NS + copy_back_ns
    graph_ns = gpu.graph_cost_ns + gpu.graph_start_ns + 10 * RUN_NS + copy_back_ns
    assert timed_ns(loaded(deep, END_TO_END)) == pytest.approx(eager_ns, abs=1)
    assert timed_ns(loaded(deep, END_TO_END, "torch-cuda-graph")) == pytest.approx(graph_ns, abs=1)
    assert timed_ns(loaded(deep, ISOLATED)) == pytest.approx(10 * (gpu.start_ns + RUN_NS), abs=1)
    assert timed_ns(loaded(deep, KERNEL_SPAN)) == pytest.approx(10 * RUN_NS, abs=1)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("launch_cost_ns", [1_000, 200_000])
@pytest.mark.parametrize("timing", [KERNEL_SPAN, ISOLATED])
def test_the_host_is_no_part_of_the_devices_time(
    timing: str, launch_cost_ns: int, gpu: Any, workload: Workload
) -> None:
    gpu.launch_cost_ns = gpu.graph_cost_ns = launch_cost_ns
    expected = RUN_NS + (gpu.start_ns if timing == ISOLATED else 0)
    assert timed_ns(loaded(workload, timing)) == pytest.approx(expected, abs=1)


@pytest.mark.usefixtures("fake")
def test_a_delay_lasts_at_least_as_long_as_it_was_asked_to(gpu: Any, workload: Workload) -> None:
    """Counted in cycles of a clock that may be slower than the fastest there is."""
    session = loaded(workload, ISOLATED)
    gpu.delays_ns.clear()
    session.read(8)
    assert gpu.delays_ns == [1_500_000]  # 1 ms at 3 GHz, on a device of 2 GHz


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", ALL)
def test_a_whole_row_is_sampled_by_the_devices_clock(name: str, workload: Workload) -> None:
    outcomes: list[Outcome] = []
    policy = Policy(min_generations=3, max_generations=3, rounds_per_generation=2)
    sample([Row("row", lambda _: loaded(workload, name=name))], policy, lambda _, outcome: outcomes.append(outcome))
    (found,) = outcomes
    assert isinstance(found, Measurement), found
    assert found.clock == "device"
    assert found.latency_ms == pytest.approx(RUN_NS / 1e6)
    assert found.diagnostics.sm_clock_mhz == 1980
    assert found.builds is not None
    assert found.builds[0]["cudnn.allow_tf32"] is False


# Outputs


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", ALL)
def test_a_session_computes_on_what_it_was_fed_latest(name: str, timing: str, workload: Workload) -> None:
    session = loaded(workload, timing, name)
    image = 3 * workload.inputs["image"]
    session.feed({"image": image})
    for timed in (False, True):
        if timed:
            session.read(2)
        else:
            session.enqueue(1)
        session.synchronize()
        np.testing.assert_allclose(session.outputs()[0], answer(workload.module, image), rtol=1e-5)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", ALL)
def test_a_wrong_answer_is_caught(name: str, workload: Workload) -> None:
    wrong = dataclasses.replace(workload, reference=(workload.reference[0] * np.float32(1.01),))
    with pytest.raises(WrongOutputError):
        loaded(wrong, ISOLATED, name)


@pytest.mark.usefixtures("fake")
def test_outputs_are_kept_when_later_runs_have_others(workload: Workload) -> None:
    session = loaded(workload)
    (first,) = session.outputs()
    session.feed({"image": -workload.inputs["image"]})
    session.enqueue(1)
    session.outputs()
    np.testing.assert_allclose(first, workload.reference[0], rtol=1e-5)


@pytest.mark.usefixtures("fake")
def test_other_shapes_are_refused(workload: Workload) -> None:
    with pytest.raises(ValueError, match="inputs must have the names, types and shapes"):
        loaded(workload).feed({"image": np.zeros((1, 3, 4, 4), np.float32)})


@pytest.mark.usefixtures("fake")
def test_the_end_to_end_time_is_of_copies_in_the_models_precision(gpu: Any, workload: Workload) -> None:
    gpu.copy_ns_per_byte = 100
    whole, half = (timed_ns(loaded(workload, END_TO_END, precision=p)) for p in ("fp32", "fp16"))
    # The input is on its way for longer than the host takes to launch the run.
    assert whole - half == pytest.approx((INPUT_BYTES + OUTPUT_BYTES) / 2 * gpu.copy_ns_per_byte, abs=1)


# Precisions


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("precision", "tf32"), [("fp32", False), ("tf32", True), ("fp16", False), ("bf16", False)])
def test_tf32_is_on_in_its_own_precision_alone(
    fake: FakeTorch, workload: Workload, name: str, precision: str, tf32: bool
) -> None:
    session = loaded(workload, END_TO_END, name, precision)
    session.read(2)
    assert set(fake.tf32) == {(tf32, tf32)}
    told = session.describe()
    assert told is not None
    assert (told["cudnn.allow_tf32"], told["cuda.matmul.allow_tf32"]) == (tf32, tf32)


@pytest.mark.usefixtures("fake")
def test_halves_are_really_computed_in_less(workload: Workload) -> None:
    errors = {
        precision: float(np.abs(loaded(workload, precision=precision).outputs()[0] - workload.reference[0]).max())
        for precision in ("fp32", "fp16", "bf16")
    }
    assert errors["fp32"] < 1e-6 < errors["fp16"] < errors["bf16"]


@pytest.mark.parametrize("before", [True, False])
def test_what_was_set_before_is_set_again_afterwards(fake: FakeTorch, workload: Workload, before: bool) -> None:
    """Two precisions whose windows take turns, in a process that has settings of its own."""
    names = ("cudnn.allow_tf32", "cuda.matmul.allow_tf32", "cudnn.benchmark")
    with backends_set(torch, dict.fromkeys(names, before)):
        sessions = [loaded(workload, ISOLATED, precision=precision) for precision in ("fp32", "tf32")]
        fake.tf32.clear()
        for session in sessions:
            session.read(1)
            cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
            assert {cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark} == {before}
    assert fake.tf32[0] == (False, False)
    assert fake.tf32[-1] == (True, True)
    assert set(fake.benchmark) == {False}


def test_a_run_that_fails_leaves_the_settings_as_they_were(fake: FakeTorch, workload: Workload) -> None:
    before = torch.backends.cudnn.allow_tf32
    session = loaded(workload, ISOLATED, precision="fp32" if before else "tf32")
    fake.convolution_ran = lambda: 1 // 0  # type: ignore[method-assign,assignment]
    with pytest.raises(ZeroDivisionError):
        session.read(1)
    assert torch.backends.cudnn.allow_tf32 is before


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="before torch 2.9 there is one name only")
def test_a_setting_that_overrules_fp32_is_an_error_rather_than_tf32s_time() -> None:
    """With the older name off, convolutions follow the newer one for all backends."""
    backends: Any = torch.backends
    backends.fp32_precision = "tf32"
    try:
        with pytest.raises(RuntimeError, match="TF32"), backends_set(torch, {"cudnn.allow_tf32": False}):
            pass
        assert backends.cudnn.conv.fp32_precision == "tf32"
    finally:
        backends.fp32_precision = "none"


def test_the_compiler_is_given_static_shapes_and_the_whole_model(fake: FakeTorch, workload: Workload) -> None:
    loaded(workload, name="torch-compile")
    assert fake.compiled == [{"fullgraph": True, "dynamic": False}]


# Caches


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("timing", [KERNEL_SPAN, ISOLATED])
def test_cold_inputs_are_not_found_in_the_cache_and_hot_ones_are(
    name: str, timing: str, gpu: Any, workload: Workload
) -> None:
    gpu.l2_bytes = 4096
    started = gpu.start_ns if name in CALLED else gpu.graph_start_ns
    start_ns = started if timing == ISOLATED else 0
    hot = loaded(workload, timing, name)
    hot.enqueue(1)
    assert timed_ns(hot) == pytest.approx(RUN_NS + start_ns, abs=1)
    cold = loaded(workload, timing, name, l2=COLD)
    assert timed_ns(cold) == pytest.approx(RUN_NS + start_ns + gpu.cold_ns, rel=EVENTS)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", ALL)
def test_nothing_of_a_closed_session_is_left_while_no_garbage_is_collected(
    name: str, timing: str, workload: Workload
) -> None:
    """As while rows are timed, when the collector is off."""
    alive = []
    for _ in range(3):
        session = loaded(workload, timing, name)
        session.read(1)
        session.close()
        alive.append(weakref.ref(session))
    del session
    assert [reference() for reference in alive] == [None] * 3


# Graphs


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("name", "timing"), [("torch-cuda-graph", ISOLATED), ("torch-eager", KERNEL_SPAN)])
def test_runs_that_cannot_be_captured_say_so(name: str, timing: str, gpu: Any, workload: Workload) -> None:
    gpu.cannot_capture = True
    with pytest.raises(RuntimeError, match=r"^the runs cannot be captured as a CUDA graph: CUDA error: operation not"):
        loaded(workload, timing, name)
    assert timed_ns(loaded(workload, ISOLATED)) == RUN_NS + gpu.start_ns


def test_what_fails_within_a_capture_is_told_rather_than_that_the_capture_failed(
    fake: FakeTorch, gpu: Any, workload: Workload
) -> None:
    def fail_in_capture() -> None:
        if any(stream.captured is not None for stream in gpu.streams.values()):
            gpu.cannot_capture = True
            raise RuntimeError("this operator copies to the host")

    fake.convolution_ran = fail_in_capture  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match=r"cannot be captured as a CUDA graph: this operator copies to the host$"):
        loaded(workload, ISOLATED, "torch-cuda-graph")


@pytest.mark.parametrize(("name", "timing"), [("torch-cuda-graph", ISOLATED), ("torch-eager", KERNEL_SPAN)])
def test_a_closed_session_leaves_no_graph_and_then_gives_its_memory_back(
    fake: FakeTorch, name: str, timing: str, gpu: Any, workload: Workload
) -> None:
    graphs: list[int] = []
    session = loaded(workload, timing, name)
    assert len(gpu.graphs) >= 1
    fake.cuda.empty_cache = lambda: graphs.append(len(gpu.graphs))
    session.close()
    assert graphs == [0]


# Whether they are there


def test_all_there_is_nothing_missing(fake: FakeTorch, machine: Any) -> None:
    machine.monkeypatch.setitem(sys.modules, "triton", fake)
    assert [runtimes.get(name).missing("cuda") for name in ALL] == [None, None, None]


@pytest.mark.parametrize("name", ALL)
def test_a_build_of_torch_for_the_cpu_says_so(name: str, machine: Any) -> None:
    machine.install_driver()
    install(machine, is_built=False)
    assert runtimes.get(name).missing("cuda") == (
        f"torch {torch.__version__} is a build without CUDA (pytorch.org says how to install one with it)"
    )


@pytest.mark.parametrize("name", ALL)
def test_without_a_device_the_drivers_answer_is_told(name: str, machine: Any) -> None:
    install(machine)
    machine.install_driver(status=NO_DEVICE)
    assert runtimes.get(name).missing("cuda") == "cuInit failed: CUDA_ERROR_NO_DEVICE"


@pytest.mark.parametrize("name", ALL)
def test_without_a_driver_the_driver_is_named(name: str, machine: Any) -> None:
    install(machine)

    def absent() -> None:
        raise libcuda.CudaError("no NVIDIA driver is installed (libcuda.so.1 is not found)")

    machine.monkeypatch.setattr(libcuda, "library", absent)
    assert runtimes.get(name).missing("cuda") == "no NVIDIA driver is installed (libcuda.so.1 is not found)"


@pytest.mark.parametrize("name", ALL)
def test_a_device_that_torch_cannot_use_is_told(name: str, machine: Any) -> None:
    """A driver too old for it, say."""
    machine.install_driver()
    install(machine, is_available=False)
    assert runtimes.get(name).missing("cuda") == "torch finds no CUDA device that it can use"


def test_the_compiler_needs_triton_and_a_c_compiler(fake: FakeTorch, machine: Any) -> None:
    found = importlib.util.find_spec
    absent: list[str] = ["triton"]
    machine.monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else found(name))
    runtime = runtimes.get("torch-compile")
    assert runtime.missing("cuda") == "Inductor needs the Python package triton"
    absent.clear()
    machine.monkeypatch.setitem(sys.modules, "triton", fake)
    machine.monkeypatch.setattr("shutil.which", lambda _: None)
    assert runtime.missing("cuda") == "Inductor needs a C compiler"


@pytest.mark.usefixtures("fake")
def test_the_kernel_span_is_what_is_timed_unless_another_is_asked_for() -> None:
    for name in ("torch-eager", "torch-cuda-graph"):
        assert runtimes.configure(name, "tf32", "cuda", 1)[1].timing == KERNEL_SPAN
    assert runtimes.configure("torch-cuda-graph", "fp32", "auto", 1)[1].device == "cuda"
