"""A device at hand for minutes: engines first, rows kept as they become known, and an end in time."""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest

from microbench.bundle import command
from microbench.bundle.writer import BundleWriter
from microbench.errors import InputError
from microbench.measure.measurement import Measurement
from microbench.measure.record import Record
from microbench.measure.sampler import Policy
from microbench.measure.store import read_records
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.runs import time_limit
from microbench.runs.engines import build_engines
from microbench.runs.runner import Plan, run
from microbench.runs.settings import Settings, plan_of
from microbench.runs.time_limit import TimeLimit

pytestmark = pytest.mark.heavy

POLICY = Policy(min_generations=6, max_generations=6, rounds_per_generation=2, row_budget_s=10)


@pytest.fixture
def rows(workload: Workload) -> list[WorkloadSpec]:
    """Five models that differ."""

    def build(index: int) -> Workload:
        model = onnx.load_from_string(workload.onnx_model)
        model.doc_string = str(index)
        return dataclasses.replace(workload, name=f"row{index}", onnx_model=model.SerializeToString())

    return [WorkloadSpec("sweep", f"row{index}", lambda index=index: build(index)) for index in range(5)]  # type: ignore[misc]


def plan(rows: Sequence[WorkloadSpec], folder: Path, builds: int = 3) -> Plan:
    settings = Settings(folder, runtimes=["tensorrt"], builds=builds)
    return dataclasses.replace(plan_of(rows, settings, whole_networks=False), policy=POLICY)


class Clock:
    """Stands for the time module: a clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(time_limit, "time", found)
    monkeypatch.setattr("microbench.runs.runner.time.monotonic", found.monotonic)
    return found


# Engines first


def test_engines_are_built_without_timing_anything(machine: Any, rows: list[WorkloadSpec], tmp_path: Path) -> None:
    fake = machine.install_all()
    report = build_engines([plan(rows, tmp_path)])
    assert (report.built, report.cached, report.errors) == (15, 0, {})
    assert len(fake.builds) == 15
    assert machine.gpu.runs == 0
    assert build_engines([plan(rows, tmp_path)]).cached == 15
    records = run(plan(rows, tmp_path))
    assert len(fake.builds) == 15
    assert {record.measurement.builds[0]["origin"] for record in records} == {"cached"}  # type: ignore[index,union-attr]


def test_processes_that_divide_the_builds_share_no_timing_cache(
    machine: Any, rows: list[WorkloadSpec], tmp_path: Path
) -> None:
    fake = machine.install_all()
    for build in range(3):
        assert build_engines([plan(rows, tmp_path)], [build]).built == 5
        assert len(list((machine.cache / "tensorrt").glob("*.timing"))) == build + 1
    assert [log.timing_cache for log in fake.builds] == [b"t" * count for count in range(5)] * 3


def test_an_engine_that_cannot_be_built_is_named_and_the_others_are_built(
    machine: Any, rows: list[WorkloadSpec], tmp_path: Path
) -> None:
    machine.install_all()

    def broken() -> Workload:
        raise RuntimeError("no such model")

    report = build_engines([plan([WorkloadSpec("sweep", "broken", broken), rows[0]], tmp_path)], [0])
    assert report.errors == {"sweep/broken fp32 build 0": "RuntimeError: no such model"}
    assert report.built == 1


def test_building_ends_in_time(machine: Any, rows: list[WorkloadSpec], tmp_path: Path, clock: Clock) -> None:
    fake = machine.install_all()

    def slow(*_: object) -> int:
        clock.now_s += 30
        return 10_000

    fake.run_ns_of = slow
    report = build_engines([plan(rows, tmp_path)], limit=TimeLimit(2.0))
    assert 1 <= report.built <= 4
    assert clock.now_s <= 120
    assert report.built + report.left == 15


# How many builds


@pytest.mark.parametrize("builds", [1, 2, 5])
def test_a_row_rests_on_as_many_builds_as_asked_for(
    machine: Any, rows: list[WorkloadSpec], tmp_path: Path, builds: int
) -> None:
    machine.install_all()
    (record,) = run(plan(rows[:1], tmp_path, builds))
    assert record.measurement is not None
    assert len({generation.build for generation in record.measurement.generations}) == builds


def test_no_builds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="builds must be an integer of at least 1, not 0"):
        plan_of([], Settings(tmp_path, builds=0), whole_networks=False)


def test_more_builds_than_recorded_are_measured_again(machine: Any, rows: list[WorkloadSpec], tmp_path: Path) -> None:
    machine.install_all()
    (first,) = run(plan(rows[:1], tmp_path, 2))
    assert run(plan(rows[:1], tmp_path, 2)) == [first]
    (again,) = run(plan(rows[:1], tmp_path, 3))
    assert again != first
    assert run(plan(rows[:1], tmp_path, 2)) == [again]


# Rows are kept as their builds are timed


def counted_builds(path: Path) -> list[int]:
    return [
        len({generation.build for generation in record.measurement.generations})
        for record in read_records(path)
        if record.measurement is not None
    ]


def test_a_row_is_recorded_as_each_build_is_timed(machine: Any, rows: list[WorkloadSpec], tmp_path: Path) -> None:
    machine.install_all()
    run(plan(rows[:1], tmp_path))
    # Of one generation nothing can be said; then each further build, and the finished row.
    assert counted_builds(tmp_path / "sweep.jsonl") == [2, 3, 3]


def test_a_killed_run_has_the_builds_that_were_timed_and_is_completed_later(
    machine: Any, rows: list[WorkloadSpec], tmp_path: Path
) -> None:
    fake = machine.install_all()

    def stopped(build: int, _: bytes) -> int:
        if build == 2:
            raise KeyboardInterrupt
        return 10_000

    fake.run_ns_of = stopped
    with pytest.raises(KeyboardInterrupt):
        run(plan(rows[:1], tmp_path))
    (kept,) = read_records(tmp_path / "sweep.jsonl")
    assert counted_builds(tmp_path / "sweep.jsonl") == [2]
    fake.run_ns_of = None
    (record,) = run(plan(rows[:1], tmp_path))
    assert record != kept
    assert counted_builds(tmp_path / "sweep.jsonl")[-1] == 3


# An end in time


def timed(rows: list[WorkloadSpec], folder: Path, minutes: float) -> tuple[list[Record], TimeLimit]:
    limit = TimeLimit(minutes)
    return run(plan(rows, folder), limit=limit), limit


@pytest.fixture
def slow_windows(machine: Any, clock: Clock) -> Callable[[float], None]:
    """Each load of an engine takes so many seconds."""

    def set_to(seconds: float) -> None:
        fake = machine.install_all()

        def load_factor() -> float:
            clock.now_s += seconds
            return 1.0

        fake.load_factor = load_factor

    return set_to


def test_no_row_is_begun_that_would_end_too_late(
    rows: list[WorkloadSpec], tmp_path: Path, clock: Clock, slow_windows: Callable[[float], None]
) -> None:
    slow_windows(4.0)  # a row of six loads takes 24 s, and is expected to take 12 s at first
    records, limit = timed(rows, tmp_path, 1.0)
    assert clock.now_s <= 60
    assert 1 <= len(records) < 5
    assert limit.rows_left == 5 - len(records)
    assert all(isinstance(record.measurement, Measurement) for record in records)


def test_the_most_wanted_rows_come_first_and_the_same_command_does_the_rest(
    rows: list[WorkloadSpec], tmp_path: Path, clock: Clock, slow_windows: Callable[[float], None]
) -> None:
    slow_windows(2.0)
    names: list[str] = []
    for _ in range(5):
        before = clock.now_s
        records, limit = timed(rows, tmp_path, 0.5)
        assert clock.now_s - before <= 30
        found = [record.name for record in records]
        assert found[: len(names)] == names
        names = found
        if not limit.rows_left:
            break
    assert names == [f"row{index}" for index in range(5)]
    assert sum(builds == 3 for builds in counted_builds(tmp_path / "sweep.jsonl")) == 10  # each row once


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(minutes: float) -> None:
    with pytest.raises(InputError, match="max-minutes must be a positive number"):
        TimeLimit(minutes)


# The command on the device


@pytest.fixture
def bundle(rows: list[WorkloadSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    writer = BundleWriter(tmp_path / "there")
    for spec in rows[:2]:
        writer.add(spec, spec.build(), whole_network=False)
    writer.finish()
    monkeypatch.chdir(tmp_path / "there")
    return tmp_path / "there"


def on_device(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_info:
        command.main([".", "--runtime", "tensorrt", *arguments])
    assert isinstance(exit_info.value.code, int)
    return exit_info.value.code


@pytest.mark.usefixtures("bundle")
def test_the_plan_says_how_long_it_will_take(machine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    machine.install_all()
    assert on_device("--plan") == 0
    assert capsys.readouterr().out == (
        "2 rows are missing: about 0 minutes, engines not included. At most 6 engines: about 2 minutes one after the "
        "other.\n"
    )
    assert machine.gpu.runs == 0


@pytest.mark.usefixtures("bundle")
def test_each_build_has_a_process_of_its_own(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.install_all()
    started: list[list[str]] = []

    def start(arguments: list[str]) -> Callable[[], int]:
        started.append(arguments)
        return lambda: 0

    monkeypatch.setattr(command, "start_process", start)
    assert on_device("--build-only", "--builds", "2") == 0
    assert [arguments[-2:] for arguments in started] == [["--build", "0"], ["--build", "1"]]
    assert {tuple(arguments[3:-2]) for arguments in started} == {
        (".", "--runtime", "tensorrt", "--build-only", "--builds", "2")
    }
    for build in ("0", "1"):
        assert on_device("--build-only", "--builds", "2", "--build", build) == 0
    assert len(list((machine.cache / "tensorrt").glob("*.engine"))) == 4


def test_the_cache_is_where_it_is_asked_for_and_travels(machine: Any, bundle: Path) -> None:
    fake = machine.install_all()
    before = os.environ["MICROBENCH_CACHE"]
    assert on_device("--engine-cache", str(bundle / "kept"), "--ci", "0.9") == 0
    assert os.environ["MICROBENCH_CACHE"] == before
    assert len(list((bundle / "kept" / "tensorrt").glob("*.engine"))) == 6
    (bundle / "kept").rename(bundle / "travelled")
    assert on_device("--engine-cache", str(bundle / "travelled"), "--ci", "0.9", "--fresh") == 0
    assert len(fake.builds) == 6


@pytest.mark.usefixtures("bundle")
def test_time_that_is_up_has_an_exit_code_of_its_own(
    slow_windows: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    slow_windows(20.0)
    assert on_device("--max-minutes", "0.1", "--json") == 75
    shown = capsys.readouterr()
    assert len(json.loads(shown.out)["records"]) == 1
    assert "time is up, 1 rows are left; the same command continues." in shown.err
