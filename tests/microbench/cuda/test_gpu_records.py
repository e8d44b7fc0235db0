"""From windows on a simulated GPU to records: throttled windows, builds, and what is read again later."""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fake_pynvml import IDLE, POWER_CAP, THERMAL

from microbench.bundle.text_table import table_text
from microbench.measure.environment import fingerprint
from microbench.measure.measurement import Generation, Measurement, components_of, independent_samples, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record, from_json, to_json
from microbench.measure.sampler import Failure, Outcome, Policy, Row, sample
from microbench.measure.session import Reading
from microbench.measure.store import latest, read_records
from microbench.measure.timing import END_TO_END, ISOLATED, KERNEL_SPAN, TIMINGS
from microbench.measure.workload import Workload
from microbench.runtimes.tensorrt import TensorRT

pytestmark = pytest.mark.heavy

RESULTS = Path(__file__).parents[3] / "results"
POLICY = Policy(min_generations=6, max_generations=12, rounds_per_generation=4, row_budget_s=1e9)
QUIET = Diagnostics(0.0, 1.0, 0.0, None, None)


def sampled(workload: Workload, timing: str = KERNEL_SPAN, policy: Policy = POLICY) -> Outcome:
    runtime = TensorRT()
    configuration = Configuration("tensorrt", "fp32", "cuda", 1, timing)
    outcomes: list[Outcome] = []
    row = Row(
        "row",
        lambda seed: runtime.load_checked(workload, configuration, seed),
        runtime.max_loads,
        runtime.min_builds,
    )
    sample([row], policy, lambda _, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    return outcome


def measured(workload: Workload, timing: str = KERNEL_SPAN, policy: Policy = POLICY) -> Measurement:
    outcome = sampled(workload, timing, policy)
    assert isinstance(outcome, Measurement), outcome
    return outcome


def failed(outcome: Outcome) -> str:
    assert isinstance(outcome, Failure)
    return outcome.message


# Timings


def test_the_rows_of_the_three_timings_are_never_merged(machine: Any, workload: Workload) -> None:
    machine.install_all()
    found = {timing: measured(workload, timing) for timing in TIMINGS}
    assert found[KERNEL_SPAN].latency_ms == pytest.approx(0.010)
    assert found[ISOLATED].latency_ms == pytest.approx(0.013)
    assert found[END_TO_END].latency_ms == pytest.approx(0.033, rel=0.01)
    assert {timing: m.clock for timing, m in found.items()} == {
        KERNEL_SPAN: "device",
        ISOLATED: "device",
        END_TO_END: "wall",
    }
    records = [record_of(measurement, timing) for timing, measurement in found.items()]
    assert latest(records) == records


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_window_is_as_long_as_its_clock_asks_for(machine: Any, workload: Workload, timing: str) -> None:
    machine.install_all()
    for generation in measured(workload, timing).generations:
        for reading in generation.readings:
            assert reading.timed_ns >= 2_000_000
            assert reading.runs >= 20


# Throttling


def test_windows_under_throttling_are_discarded_and_counted(machine: Any, workload: Workload) -> None:
    """Of each generation's four windows the last two are throttled."""
    machine.install_all()
    slow = {"now": False}
    machine.install_nvml(reasons=lambda: POWER_CAP if slow["now"] else IDLE)

    def by_turns() -> Iterator[bool]:
        while True:
            yield from (False, False, True, True)

    turns = by_turns()
    outcome = with_windows(workload, lambda: slow.update(now=next(turns)))
    assert isinstance(outcome, Measurement)
    assert outcome.diagnostics.throttled_windows == outcome.samples == 6 * 2
    assert outcome.diagnostics.throttling == "power cap"
    assert outcome.noise_reasons == ("throttled in 12 windows (power cap)",)
    assert {len(generation.readings) for generation in outcome.generations} == {2}


def with_windows(workload: Workload, before_window: Any) -> Outcome:
    """Sample a row; `before_window` is called before each timed window, whose lead-in is an `enqueue`."""
    runtime = TensorRT()
    configuration = Configuration("tensorrt", "fp32", "cuda", 1, KERNEL_SPAN)

    def load(seed: int) -> Any:
        session = runtime.load_checked(workload, configuration, seed)
        enqueue = session.enqueue

        def leading_in(runs: int) -> None:
            before_window()
            enqueue(runs)

        session.enqueue = leading_in  # type: ignore[method-assign]
        return session

    outcomes: list[Outcome] = []
    sample([Row("row", load, None, 3)], POLICY, lambda _, outcome: outcomes.append(outcome))
    return outcomes[0]


def test_a_generation_of_which_nothing_is_left_is_left_out(machine: Any, workload: Workload) -> None:
    machine.install_all()
    windows = {"taken": 0}
    machine.install_nvml(reasons=lambda: THERMAL if 8 < windows["taken"] <= 12 else 0)
    outcome = with_windows(workload, lambda: windows.update(taken=windows["taken"] + 1))
    assert isinstance(outcome, Measurement)
    assert [generation.index for generation in outcome.generations] == [0, 1, 3, 4, 5, 6]
    assert outcome.diagnostics.throttled_windows == 4


def test_a_row_that_is_throttled_throughout_fails_with_the_reason(machine: Any, workload: Workload) -> None:
    machine.install_all()
    machine.install_nvml(reasons=lambda: POWER_CAP | THERMAL)
    assert failed(sampled(workload)) == (
        "the device held its clock down (power cap+thermal slowdown) in 48 of 48 windows: too few are left"
    )


@pytest.mark.parametrize("reasons", [0, IDLE, 0x02, 0x10, 0x100])
def test_what_slows_nothing_down_discards_nothing(machine: Any, workload: Workload, reasons: int) -> None:
    machine.install_all()
    machine.install_nvml(reasons=lambda: reasons)
    found = measured(workload)
    assert found.diagnostics.throttled_windows == 0
    assert found.diagnostics.sm_clock_mhz == 1980
    assert not found.noisy


@pytest.mark.parametrize(("clock", "noisy"), [(1980, False), (1800, False), (1410, True)])
def test_a_clock_far_below_its_maximum_is_noise_whether_or_not_the_device_says_why(
    machine: Any, workload: Workload, clock: int, noisy: bool
) -> None:
    machine.install_all()
    machine.install_nvml(sm_clock_mhz=clock)
    found = measured(workload)
    assert found.diagnostics.max_sm_clock_mhz == 1980
    assert found.noise_reasons == ((f"SM clock {clock} of 1980 MHz",) if noisy else ())


def test_without_nvml_nothing_is_known_of_throttling(machine: Any, workload: Workload) -> None:
    machine.install_driver()
    machine.install_pycuda()
    machine.install_tensorrt()
    found = measured(workload)
    assert found.diagnostics.throttled_windows is None
    assert found.diagnostics.sm_clock_mhz is None


# Builds


def test_every_generation_has_a_load_and_every_third_the_same_build(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    found = measured(workload)
    assert [generation.build for generation in found.generations] == [0, 1, 2, 0, 1, 2]
    assert found.loads == 6
    assert len(fake.builds) == 3


def test_three_builds_are_measured_however_short_the_time(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    found = measured(workload, policy=dataclasses.replace(POLICY, row_budget_s=1e-9))
    assert len(found.generations) == len(fake.builds) == 3


def test_the_spread_between_builds_is_told_by_itself(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.runs_ns = [10_000, 11_000, 12_000]
    found = measured(workload)
    logs = np.log([10_000, 11_000, 12_000])
    assert found.diagnostics.spread_between_builds == pytest.approx(float(np.std(logs, ddof=1)), abs=1e-3)
    assert not found.converged


def test_builds_that_are_alike_have_no_spread(machine: Any, workload: Workload) -> None:
    machine.install_all()
    found = measured(workload)
    assert found.diagnostics.spread_between_builds == 0
    assert found.converged


def test_each_builds_layers_are_in_the_record(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    fake.runs_ns = [10_000, 11_000, 12_000]
    builds = measured(workload).builds
    assert builds is not None
    assert [build["build"] for build in builds] == [0, 1, 2]
    tactics = [build["layers"][0]["tactic"] for build in builds]
    assert tactics == ["sm90_fake_f32f32_10000", "sm90_fake_f32f32_11000", "sm90_fake_f32f32_12000"]


def generations_of(builds: list[int | None], latencies_ns: list[int]) -> list[Generation]:
    return [
        Generation(index, index, (Reading(1, latency, 0, 0), Reading(1, latency + 1, 0, 0)), build)
        for index, (build, latency) in enumerate(zip(builds, latencies_ns, strict=True))
    ]


def test_the_independent_units_are_builds_where_there_are_builds() -> None:
    units = independent_samples(generations_of([0, 1, 2, 0, 1, 2], [100, 200, 300, 101, 201, 301]))
    assert [sorted((unit * 1e6).round().tolist()) for unit in units] == [
        [100, 101, 101, 102],
        [200, 201, 201, 202],
        [300, 301, 301, 302],
    ]
    assert len(independent_samples(generations_of([None] * 6, [100] * 6))) == 6


def test_a_table_says_how_much_of_a_rows_spread_is_builds_loads_and_windows(machine: Any, workload: Workload) -> None:
    fake = machine.install_all()
    factors = itertools.cycle([0.99, 1.01])
    fake.runs_ns = [10_000, 11_000, 12_000]
    fake.load_factor = lambda: next(factors)
    text = table_text([record_of(measured(workload))])
    assert "spread" in text
    match = re.search(r"builds ([\d.]+)%, loads ([\d.]+)%, windows ([\d.]+)%", text)
    assert match is not None
    builds, loads, windows = map(float, match.groups())
    assert builds == pytest.approx(9, abs=1.5)
    assert 1 < loads < 2
    assert windows < 0.2


@pytest.mark.slow
def test_the_interval_of_whole_rows_covers_at_95_percent(machine: Any, workload: Workload) -> None:
    """From builder to record: builds differ by 2%, loads by 0.5%, windows by 0.3%."""
    fake = machine.install_all()
    rng = np.random.default_rng(11)
    fake.run_ns_of = lambda *_: round(40_000 * np.exp(rng.normal(0, 0.02)))
    fake.load_factor = lambda: float(np.exp(rng.normal(0, 0.005)))
    machine.gpu.launch_factor = lambda: float(np.exp(rng.normal(0, 0.003)))
    rows, covered = 200, 0
    variances: list[float] = []
    policy = dataclasses.replace(POLICY, max_generations=6, ci_target=1e-6)
    for row in range(rows):
        model = onnx.load_from_string(workload.onnx_model)
        model.doc_string = f"row {row}"
        own = dataclasses.replace(workload, onnx_model=model.SerializeToString())
        found = measured(own, policy=policy)
        covered += found.latency_ci_low_ms <= 0.04 <= found.latency_ci_high_ms
        components = components_of(found.generations)
        assert components.builds is not None
        variances.append(components.builds**2)
    assert covered / rows == pytest.approx(0.95, abs=0.046)  # three standard errors
    assert float(np.mean(variances)) ** 0.5 == pytest.approx(0.02, rel=0.2)


# Records


def record_of(measurement: Measurement, timing: str = KERNEL_SPAN) -> Record:
    return Record(
        experiment="sweep",
        name="row",
        axes={},
        configuration=Configuration("tensorrt", "fp32", "cuda", 1, timing),
        runtime_version="10",
        run="run",
        environment=fingerprint(),
        measurement=measurement,
    )


def test_a_gpus_record_is_read_as_it_was_written(machine: Any, workload: Workload) -> None:
    machine.install_all()
    record = record_of(measured(workload))
    assert record.environment.gpu is not None
    line = json.dumps(to_json(record), allow_nan=False)
    assert from_json(json.loads(line)) == record


def test_a_cpus_record_has_no_columns_of_a_gpu() -> None:
    generations = tuple(generations_of([None, None], [100, 101]))
    measurement = summarize(generations, QUIET, ci_target=0.01, single_threaded=True)
    (first, _) = to_json(record_of(measurement))["measurement"]["generations"]
    assert set(first) == {"index", "load", "runs", "wall_ns", "cpu_ns", "preemptions", "device_ns"}


OLDER_FIELDS = {
    "configuration": ("timing", "l2"),
    "environment": ("gpu",),
    "measurement": ("builds",),
}
OLDER_DIAGNOSTICS = ("spread_between_builds", "sm_clock_mhz", "throttled_windows", "throttling")


def test_a_record_of_before_the_gpu_clock_is_still_read() -> None:
    generations = tuple(generations_of([None, None], [100, 101]))
    measurement = summarize(generations, QUIET, ci_target=0.01, single_threaded=True)
    record = dataclasses.replace(record_of(measurement), configuration=Configuration("onnxruntime"))
    document = json.loads(json.dumps(to_json(record)))
    for part, names in OLDER_FIELDS.items():
        for name in names:
            del document[part][name]
    for name in OLDER_DIAGNOSTICS:
        del document["measurement"]["diagnostics"][name]
    read = from_json(document)
    assert read.configuration == Configuration("onnxruntime", timing=END_TO_END, l2="hot")
    assert read.key == record.key
    assert read.measurement == measurement


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/*.jsonl")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_records_of_this_repository_are_still_read_and_tell_rows_apart(path: Path) -> None:
    records = read_records(path)
    assert {record.configuration.timing for record in records} == {END_TO_END}
    assert {record.key[-4:-2] for record in records} == {(END_TO_END, "hot")}
    assert {record.key[-2] for record in records} <= {"hot", "cold"}
