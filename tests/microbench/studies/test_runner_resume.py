"""What a run measures, what it leaves alone, and what becomes of a row that fails. The workloads are real, and tiny."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from microbench import runtimes
from microbench.errors import InputError
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.environment import fingerprint
from microbench.measure.record import Record
from microbench.measure.sampler import Policy
from microbench.measure.store import RecordStore, read_records
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.runs import runner
from microbench.runs.runner import Plan, Target, run

HASTY = Policy(ci_target=0.5, row_budget_s=0.05, min_generations=2, rounds_per_generation=2, min_window_ms=0.05)
ONNXRUNTIME = Target(*runtimes.configure("onnxruntime", "fp32", "cpu", 1))


def specs_of(*widths: int) -> list[WorkloadSpec]:
    axes = Axes(blocks=(BlockChoice("conv3x3", (("bare", True),)),), widths=widths, resolutions=((8, 8),))
    return axes_to_specs("sweep", axes)


def with_build(spec: WorkloadSpec, build: Callable[[], Workload]) -> WorkloadSpec:
    return dataclasses.replace(spec, build=build)


def never_built(spec: WorkloadSpec) -> WorkloadSpec:
    def build() -> Workload:
        raise AssertionError(f"{spec.name} was built")

    return with_build(spec, build)


def failing(spec: WorkloadSpec, error: Exception) -> WorkloadSpec:
    def build() -> Workload:
        raise error

    return with_build(spec, build)


def altered(spec: WorkloadSpec, **changes: Any) -> WorkloadSpec:
    """The spec whose workload has wrong fields."""
    return with_build(spec, lambda: dataclasses.replace(spec.build(), **changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "machine"


def measure(
    folder: Path, specs: Sequence[WorkloadSpec], targets: Sequence[Target] = (ONNXRUNTIME,), **options: Any
) -> list[Record]:
    return run(Plan(specs, targets, **{"policy": HASTY, "folder": folder, **options}))


def written(folder: Path) -> list[Record]:
    return read_records(folder / "sweep.jsonl")


def widths(records: Sequence[Record]) -> list[Any]:
    return [record.axes["width"] for record in records]


def test_a_run_gives_one_record_for_each_row_in_the_plans_order(folder: Path) -> None:
    records = measure(folder, specs_of(4, 3, 8))
    assert widths(records) == [4, 3, 8]
    assert sorted(widths(written(folder))) == [3, 4, 8]


def test_a_record_tells_what_was_measured_where(folder: Path) -> None:
    (record,) = measure(folder, specs_of(4))
    assert record.axes["block"] == "conv3x3:bare"
    assert record.configuration == ONNXRUNTIME.configuration
    assert record.runtime_version == ONNXRUNTIME.runtime.version()
    assert record.environment == fingerprint()
    assert record.cost is not None
    assert record.cost.macs == 8 * 8 * 9 * 4 * 4
    assert record.measurement is not None
    assert 0 < record.measurement.latency_ci_low_ms <= record.measurement.latency_ms
    assert record.error is None


def test_rows_of_one_run_say_that_they_were_interleaved_and_others_do_not(folder: Path) -> None:
    first, second = measure(folder, specs_of(3, 4))
    (third,) = measure(folder, specs_of(5))
    assert first.run == second.run != third.run


def test_a_second_run_measures_nothing(folder: Path) -> None:
    first = measure(folder, specs_of(3, 4))
    before = (folder / "sweep.jsonl").read_bytes()
    second = measure(folder, [never_built(spec) for spec in specs_of(3, 4)])
    assert second == first
    assert (folder / "sweep.jsonl").read_bytes() == before


def test_only_missing_rows_are_built_and_measured(folder: Path) -> None:
    measure(folder, specs_of(3, 4))
    three, four, five = specs_of(3, 4, 5)
    records = measure(folder, [never_built(three), five, never_built(four)])
    assert widths(records) == [3, 5, 4]
    assert widths(written(folder))[2:] == [5]


def test_fresh_measures_again_and_keeps_the_older_record(folder: Path) -> None:
    (old,) = measure(folder, specs_of(4))
    (new,) = measure(folder, specs_of(4), fresh=True)
    assert new.run != old.run
    assert written(folder) == [old, new]


def test_a_row_measured_for_a_wider_interval_is_measured_again_for_a_narrower(folder: Path) -> None:
    measure(folder, specs_of(4))
    narrower = dataclasses.replace(HASTY, ci_target=0.4)
    (record,) = measure(folder, specs_of(4), policy=narrower)
    assert record.measurement is not None
    assert record.measurement.ci_target == 0.4
    assert len(written(folder)) == 2
    # What was asked for is settled, whether it was reached or not, and so is anything wider.
    measure(folder, [never_built(spec) for spec in specs_of(4)], policy=narrower)
    measure(folder, [never_built(spec) for spec in specs_of(4)])


def test_a_row_that_did_not_converge_is_not_measured_for_ever(folder: Path) -> None:
    strict = dataclasses.replace(HASTY, ci_target=1e-9)
    (record,) = measure(folder, specs_of(4), policy=strict)
    assert record.measurement is not None
    assert not record.measurement.converged
    measure(folder, [never_built(spec) for spec in specs_of(4)], policy=strict)


def test_another_runtime_or_thread_count_is_another_row(folder: Path) -> None:
    openvino = Target(*runtimes.configure("openvino", "fp32", "cpu", 1))
    two_threads = Target(*runtimes.configure("onnxruntime", "fp32", "cpu", 2))
    measure(folder, specs_of(4))
    records = measure(folder, specs_of(4), targets=[openvino, ONNXRUNTIME, two_threads])
    assert [record.configuration for record in records] == [
        openvino.configuration, ONNXRUNTIME.configuration, two_threads.configuration,
    ]  # fmt: skip
    assert len(written(folder)) == 3


# Failure


def test_a_row_that_cannot_be_built_is_recorded_and_the_others_measured(folder: Path) -> None:
    three, four, five = specs_of(3, 4, 5)
    records = measure(folder, [three, failing(four, RuntimeError("no such\nlayer")), five])
    assert [record.error for record in records] == [None, "RuntimeError: no such layer", None]
    assert records[1].measurement is None
    assert records[1].cost is None
    assert all(record.measurement is not None for record in (records[0], records[2]))


def test_a_model_that_the_runtime_cannot_load_is_recorded(folder: Path) -> None:
    three, four = specs_of(3, 4)
    bad, good = measure(folder, [altered(three, onnx_model=b"no model"), four])
    assert bad.error is not None
    assert "\n" not in bad.error
    assert bad.cost is not None
    assert good.measurement is not None


def test_a_fast_wrong_answer_is_an_error_and_not_a_time(folder: Path) -> None:
    three, four = specs_of(3, 4)
    right = three.build()
    bad, good = measure(folder, [altered(three, reference=(right.reference[0] * 1.01,)), four])
    assert bad.measurement is None
    assert bad.error is not None
    assert bad.error.startswith("WrongOutputError: output differs from the float32 reference by 0.0099")
    assert good.measurement is not None


def test_out_of_memory_fails_one_row(folder: Path) -> None:
    three, four = specs_of(3, 4)
    bad, good = measure(folder, [failing(three, MemoryError()), four])
    assert bad.error == "MemoryError: no message"
    assert good.measurement is not None


def test_a_failed_row_is_tried_again_by_the_next_run(folder: Path) -> None:
    three, four = specs_of(3, 4)
    measure(folder, [failing(three, OSError("the disk was away")), four])
    records = measure(folder, [three, never_built(four)])
    assert all(record.measurement is not None for record in records)
    assert [record.error is None for record in written(folder)] == [False, True, True]


def test_an_interrupt_keeps_the_rows_that_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MAX_INTERLEAVED_ROWS", 2)
    three, four, five = specs_of(3, 4, 5)

    def interrupt() -> Workload:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(folder, [three, four, with_build(five, interrupt)])
    assert sorted(widths(written(folder))) == [3, 4]
    measure(folder, [never_built(three), never_built(four), five])
    assert sorted(widths(written(folder))) == [3, 4, 5]


def test_a_row_asked_for_twice_is_measured_once(folder: Path) -> None:
    """For example by `--width 4,4`, or `--runtime auto --runtime onnxruntime`."""
    records = measure(folder, [*specs_of(4), *specs_of(4)], targets=[ONNXRUNTIME, ONNXRUNTIME])
    assert len(records) == 1
    assert len(written(folder)) == 1


# Where nothing can be measured


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(InputError, match="cannot be written"):
        measure(tmp_path / "results" / "machine", [never_built(spec) for spec in specs_of(4)])


def test_a_foreign_file_is_told_before_anything_is_built(folder: Path) -> None:
    folder.mkdir()
    (folder / "sweep.jsonl").write_text("my notes\n")
    with pytest.raises(InputError, match="is not a record of this program"):
        measure(folder, [never_built(spec) for spec in specs_of(4)])
    assert (folder / "sweep.jsonl").read_text() == "my notes\n"


def test_a_run_beside_another_is_refused(folder: Path) -> None:
    with RecordStore(folder / "sweep.jsonl"), pytest.raises(InputError, match="being written by another run"):
        measure(folder, [never_built(spec) for spec in specs_of(4)])


def test_progress_tells_what_is_being_done(folder: Path) -> None:
    told: list[tuple[str, float]] = []
    run(Plan(specs_of(3, 4), [ONNXRUNTIME], HASTY, folder), lambda phase, share: told.append((phase, share)))
    assert {phase for phase, _ in told} == {"building", "timing"}
    assert all(0 <= share <= 1 for _, share in told)
    assert told[-1] == ("timing", 1.0)
