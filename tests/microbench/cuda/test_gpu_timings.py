"""The three timings of one run, on a simulated device whose every nanosecond is known beforehand."""

import itertools
from typing import Any

import numpy as np
import pytest
from fake_gpu import Kernels, SimulatedGpu, milliseconds

from microbench import pytest_plugin
from microbench.measure.record import Configuration
from microbench.measure.session import Session
from microbench.measure.timing import COLD, END_TO_END, HOT, ISOLATED, KERNEL_SPAN, TIMINGS
from microbench.measure.workload import Workload
from microbench.runtimes.cuda.stream import elapsed_ns
from microbench.runtimes.cuda.windows import MAX_RUNS_PER_GRAPH, MIN_SPAN_NS
from microbench.runtimes.tensorrt import TensorRT

RUN_NS = 10_000
EVENTS = 1e-3
"""What the resolution of events leaves in a span of a millisecond."""


def loaded(workload: Workload, timing: str, l2: str = HOT) -> Session:
    configuration = Configuration("tensorrt", "fp32", "cuda", 1, timing, l2)
    return TensorRT().load_checked(workload, configuration, layout_seed=0)


def timed_ns(session: Session, runs: int) -> float:
    reading = session.read(runs)
    assert reading.runs >= runs
    return reading.timed_ns / reading.runs


def test_three_timings_of_one_run_are_three_known_numbers(machine: Any, workload: Workload) -> None:
    machine.install_all()
    gpu = machine.gpu
    image, scores = 3 * 8 * 8 * 4, 4 * 8 * 8 * 4
    copy_back_ns = round(scores * gpu.copy_ns_per_byte)
    # The copy to the device runs while the host is still enqueueing the run.
    assert image * gpu.copy_ns_per_byte < gpu.launch_cost_ns
    expected = {
        KERNEL_SPAN: RUN_NS,
        ISOLATED: RUN_NS + gpu.start_ns,
        END_TO_END: gpu.launch_cost_ns + gpu.start_ns + RUN_NS + copy_back_ns,
    }
    assert set(expected) == set(TIMINGS)
    found = {timing: timed_ns(loaded(workload, timing), 40) for timing in TIMINGS}
    assert found == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(("timing", "by_device"), [(KERNEL_SPAN, True), (ISOLATED, True), (END_TO_END, False)])
def test_each_timing_counts_by_its_own_clock(machine: Any, workload: Workload, timing: str, by_device: bool) -> None:
    machine.install_all()
    reading = loaded(workload, timing).read(10)
    assert (reading.device_ns is not None) is by_device
    assert reading.wall_ns >= reading.timed_ns


@pytest.mark.parametrize("timing", [KERNEL_SPAN, ISOLATED])
@pytest.mark.parametrize("launch_cost_ns", [1_000, 200_000])
def test_the_host_is_no_part_of_the_devices_time(
    machine: Any, workload: Workload, timing: str, launch_cost_ns: int
) -> None:
    """However slow it launches: 200 us for a run of 10."""
    machine.install_all()
    machine.gpu.launch_cost_ns = machine.gpu.graph_cost_ns = launch_cost_ns
    expected = RUN_NS + (machine.gpu.start_ns if timing == ISOLATED else 0)
    assert timed_ns(loaded(workload, timing), 100) == pytest.approx(expected, abs=1)


def test_the_delay_grows_until_the_host_is_ahead(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.gpu.launch_cost_ns = 200_000
    session = loaded(workload, ISOLATED)
    machine.gpu.delays_ns.clear()
    session.read(32)
    # 32 launches take the host 6.4 ms, 16 of them 3.2 ms, and 8 of them 1.6 ms.
    assert machine.gpu.delays_ns == [1_000_000, 1_000_000, 2_000_000] + 4 * [4_000_000]
    machine.gpu.delays_ns.clear()
    session.read(32)
    assert machine.gpu.delays_ns == 4 * [4_000_000]


def test_a_host_too_slow_for_a_batch_queues_fewer_runs_at_a_time(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.gpu.launch_cost_ns = 10_000_000
    session = loaded(workload, ISOLATED)
    assert timed_ns(session, 8) == pytest.approx(RUN_NS + machine.gpu.start_ns, abs=1)
    machine.gpu.delays_ns.clear()
    session.read(8)
    assert machine.gpu.delays_ns == 8 * [32_000_000]  # one at a time, as two would take the host 20 ms of 16


def test_a_host_that_was_held_up_once_in_a_while_is_given_no_longer_delay(machine: Any, workload: Workload) -> None:
    machine.install_all()
    session = loaded(workload, ISOLATED)
    for _ in range(40):
        machine.gpu.delays_ns.clear()
        machine.gpu.held_up_ns = 5_000_000
        assert timed_ns(session, 8) == RUN_NS + machine.gpu.start_ns
        assert machine.gpu.delays_ns == [1_000_000] * 2


def test_runs_that_cannot_be_queued_ahead_are_an_error(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.gpu.launch_cost_ns = 100_000_000
    with pytest.raises(RuntimeError, match="one run cannot be queued up ahead of the device"):
        loaded(workload, ISOLATED).read(1)


@pytest.mark.parametrize("run_ns", [2_000, 10_000, 300_000, 5_000_000])
def test_a_graph_is_long_enough_for_the_resolution_of_events(machine: Any, workload: Workload, run_ns: int) -> None:
    fake = machine.install_all()
    fake.runs_ns = [run_ns]
    reading = loaded(workload, KERNEL_SPAN).read(1)
    assert reading.device_ns is not None
    # It is sized by a run launched by itself, which takes 3 us longer.
    assert reading.device_ns >= MIN_SPAN_NS * run_ns / (run_ns + machine.gpu.start_ns)
    assert reading.runs >= 20 or run_ns >= MIN_SPAN_NS / 20
    assert reading.runs == 1 or reading.device_ns < 2 * MIN_SPAN_NS


def test_a_window_of_many_runs_is_rounded_up_to_whole_graphs(machine: Any, workload: Workload) -> None:
    machine.install_all()
    session = loaded(workload, KERNEL_SPAN)
    one = session.read(1).runs
    assert session.read(one + 1).runs == 2 * one
    assert session.read(2 * one).runs == 2 * one


@pytest.mark.parametrize("run_ns", [2_000, 10_000, 900_000, 4_000_000])
def test_the_start_of_a_graph_is_no_part_of_the_kernel_span(machine: Any, workload: Workload, run_ns: int) -> None:
    fake = machine.install_all()
    fake.runs_ns = [run_ns]
    machine.gpu.graph_start_ns = 100_000
    assert timed_ns(loaded(workload, KERNEL_SPAN), 40) == pytest.approx(run_ns, rel=EVENTS)


def test_long_runs_are_not_repeated_for_the_start_of_a_graph(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.runs_ns = [20_000_000]
    session = loaded(workload, KERNEL_SPAN)
    before = machine.gpu.runs
    assert session.read(4).runs == 4
    assert machine.gpu.runs - before == 4


def test_runs_of_no_length_are_an_error_rather_than_a_latency(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.runs_ns = [0]
    with pytest.raises(RuntimeError, match="graphs of two lengths take the same time"):
        loaded(workload, KERNEL_SPAN).read(1)


def test_a_graph_of_the_shortest_runs_is_not_endless(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.runs_ns = [1]
    machine.gpu.start_ns = 0
    assert loaded(workload, KERNEL_SPAN).read(1).runs == MAX_RUNS_PER_GRAPH


def test_runs_that_cannot_be_captured_say_so(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.gpu.cannot_capture = True
    sentence = "cannot be captured as a CUDA graph: cuStreamEndCapture failed: CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
    with pytest.raises(RuntimeError, match=sentence):
        loaded(workload, KERNEL_SPAN)
    assert timed_ns(loaded(workload, ISOLATED), 1) == RUN_NS + machine.gpu.start_ns


# Cold inputs


@pytest.mark.parametrize("timing", [KERNEL_SPAN, ISOLATED])
def test_cold_inputs_are_not_found_in_the_cache_and_hot_ones_are(machine: Any, workload: Workload, timing: str) -> None:
    machine.install_all()
    machine.gpu.l2_bytes = 4096
    start_ns = machine.gpu.start_ns if timing == ISOLATED else 0
    hot = loaded(workload, timing, HOT)
    hot.enqueue(1)
    assert timed_ns(hot, 50) == pytest.approx(RUN_NS + start_ns, abs=1)
    expected = RUN_NS + start_ns + machine.gpu.cold_ns
    assert timed_ns(loaded(workload, timing, COLD), 50) == pytest.approx(expected, rel=EVENTS)


@pytest.mark.parametrize("timing", [KERNEL_SPAN, ISOLATED])
def test_the_smallest_inputs_are_cold_in_the_largest_cache(machine: Any, workload: Workload, timing: str) -> None:
    """Figure 5's narrowest maps at the 60 MiB of an H200: by copies of the inputs, thousands would be needed."""
    machine.install_all()
    machine.gpu.l2_bytes = 60 << 20
    start_ns = machine.gpu.start_ns if timing == ISOLATED else 0
    cold = loaded(workload, timing, COLD)
    assert timed_ns(cold, 20) == pytest.approx(RUN_NS + start_ns + machine.gpu.cold_ns, rel=EVENTS)


def test_the_memory_that_empties_the_cache_is_allocated_once(machine: Any, workload: Workload) -> None:
    machine.install_all()
    for _ in range(3):
        session = loaded(workload, ISOLATED, COLD)
        session.read(1)
        session.close()
    assert machine.gpu.allocated_bytes() == 2 * machine.gpu.l2_bytes


def test_cold_runs_compute_on_what_the_session_was_fed(machine: Any, workload: Workload) -> None:
    machine.install_all()
    session = loaded(workload, ISOLATED, COLD)
    session.feed({"image": 2 * workload.inputs["image"]})
    session.read(3)
    session.enqueue(1)
    session.synchronize()
    np.testing.assert_allclose(session.outputs()[0], 2 * workload.reference[0], rtol=1e-5)


# Precision of the clock


class CountingStream:
    """Events that are plain numbers of nanoseconds."""

    def elapsed_ms(self, start: int, end: int) -> float:
        return milliseconds(end - start)


def test_long_stretches_are_added_up_from_short_ones() -> None:
    """20 s of runs of 1.0005 ms: read at once, float32 is off by more than a microsecond; added up, by nothing."""
    step_ns, steps = 1_000_500, 20_000
    whole_ns = step_ns * steps
    events = [step_ns * i for i in range(steps + 1)]
    at_once = round(milliseconds(whole_ns + 1_000) * 1e6)
    assert abs(at_once - (whole_ns + 1_000)) > 500
    pairs = list(itertools.pairwise(events))
    stream: Any = CountingStream()
    assert elapsed_ns(stream, pairs) == whole_ns


def test_a_long_window_loses_no_precision(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.runs_ns = [1_000_500]
    reading = loaded(workload, KERNEL_SPAN).read(20_000)
    assert reading.device_ns == reading.runs * 1_000_500


# The session's other clock, for pytest-benchmark


@pytest.mark.parametrize(("timing", "run_ns"), [(KERNEL_SPAN, RUN_NS), (ISOLATED, RUN_NS + 3_000)])
def test_the_device_clock_advances_by_the_runs_asked_for(
    machine: Any, workload: Workload, timing: str, run_ns: int
) -> None:
    machine.install_all()
    session = loaded(workload, timing)
    assert session.device_seconds is not None
    before = session.device_seconds()
    session.read(5)
    assert session.device_seconds() - before == pytest.approx(5 * run_ns / 1e9)


def test_pytest_benchmark_shows_the_devices_time(machine: Any, workload: Workload, benchmark: Any) -> None:
    machine.install_all()
    pytest_plugin._time(benchmark, loaded(workload, KERNEL_SPAN))
    assert benchmark.stats.stats.median == pytest.approx(RUN_NS / 1e9)


def test_the_simulated_cache_forgets_the_oldest() -> None:
    """What the cold timing is held against."""
    gpu = SimulatedGpu(l2_bytes=100, start_ns=0, launch_cost_ns=0)
    stream = gpu.new_stream()

    def took(address: int) -> int:
        before = gpu.event_ns(stream)
        gpu.run(stream, Kernels(RUN_NS, lambda: [(address, 60)]))
        return gpu.event_ns(stream) - before

    assert [took(a) for a in (1, 1, 2, 1)] == [14_000, 10_000, 14_000, 14_000]
