"""What a user of `microbench gate --calibrate` sees; the workers' answers are made up, so that the truth is known."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_gate import FakeProcesses, Microbench, WriteModel

SMALL = ("gate", "models", "--calibrate", "--pool", "30", "--gates", "2")
ONE_SLOWDOWN = (*SMALL, "--slowdown", "5")


@pytest.fixture(autouse=True)
def models(write_model: WriteModel) -> None:
    write_model("models/one.onnx")
    write_model("models/two.onnx", 2)


def points_of(output: str) -> dict[tuple[str, float], dict[str, Any]]:
    return {(point["workload"], point["slowdown"]): point for point in json.loads(output)["points"]}


def test_error_rates_are_measured_drawn_and_written(
    microbench: Microbench, processes: FakeProcesses, tmp_path: Path
) -> None:
    processes.base_noise = processes.head_noise = 0.005
    code, output, _ = microbench(*SMALL)
    assert code == 0
    assert len(processes.jobs) == 30 + 2 * 12
    assert "An unchanged model is called slower in 0 of 400 gates drawn from 30 processes" in output
    assert re.search(r"A true slowdown of 5% is found in (39\d|400) of 400 gates", output)
    assert "A true slowdown of 10% is found in 400 of 400 gates" in output
    assert "Of 2 whole gates of the models against themselves 0 were red and 0 inconclusive" in output
    assert {path.name for path in (tmp_path / "gate-calibration").iterdir()} == {
        "calibration.json", "calibration.md", "calibration.pdf", "calibration.png", "calibration.svg",
        "pool.jsonl", "real.jsonl",
    }  # fmt: skip
    written = (tmp_path / "gate-calibration" / "calibration.md").read_text()
    assert re.search(r"\| one \| 5% \| \+[45]\.\d% \(\+4\.\d% to \+[45]\.\d%\) \| 400 \|", written)


def test_each_process_times_each_model_as_it_is_and_slowed_down(
    microbench: Microbench, processes: FakeProcesses
) -> None:
    microbench(*ONE_SLOWDOWN, "--gates", "0")
    for job in processes.jobs:
        assert sorted(task.workload for task in job.tasks) == ["one", "one +5%", "two", "two +5%"]
        assert {task.arms[2].one_more_in for task in job.tasks} == {None, 20}
        assert all(arm.model == task.arms[0].model for task in job.tasks for arm in task.arms)


def test_a_suite_has_a_false_alarm_rate_of_its_own(microbench: Microbench, processes: FakeProcesses) -> None:
    # The head's models are loaded 10% slower than the base's: the gate is wrong each time, and reports it.
    processes.slowdowns = {"one": 0.1}
    points = points_of(microbench(*ONE_SLOWDOWN, "--gates", "0", "--json")[1])
    assert points["one", 0.0]["slower_share"] == 1.0
    assert points["two", 0.0]["slower_share"] == 0.0
    assert points["any of the suite", 0.0]["slower_share"] == 1.0


def test_a_stopped_calibration_is_resumed_and_a_larger_one_adds(
    microbench: Microbench, processes: FakeProcesses
) -> None:
    processes.killed_after = 34
    assert microbench(*ONE_SLOWDOWN)[0] == 130
    processes.killed_after = None
    assert microbench(*ONE_SLOWDOWN)[0] == 0
    assert len(processes.jobs) == 30 + 2 * 12
    assert microbench(*ONE_SLOWDOWN, "--pool", "40")[0] == 0
    assert len(processes.jobs) == 40 + 2 * 12


def test_a_quick_calibration_is_of_one_model(microbench: Microbench, processes: FakeProcesses) -> None:
    code, output, _ = microbench("gate", "models", "--calibrate", "--quick", "--json")
    assert code == 0
    assert len(processes.jobs) == 24
    assert set(points_of(output)) == {("one", slowdown) for slowdown in (0.0, 0.02, 0.05, 0.10)}


def test_what_could_not_be_measured_is_named(microbench: Microbench, processes: FakeProcesses) -> None:
    processes.errors = {"one +5%": "ValueError: too slow to inject one run in 20: a run takes 9 ms"}
    code, output, _ = microbench(*ONE_SLOWDOWN, "--gates", "0")
    assert code == 0
    assert "Not measured: one +5%: ValueError: too slow to inject one run in 20" in output


def test_without_models_it_brings_its_own(microbench: Microbench, processes: FakeProcesses) -> None:
    code, output, _ = microbench("gate", "--calibrate", "--quick", "--json")
    assert code == 0
    assert {key[0] for key in points_of(output)} == {"bottleneck"}
    assert {shape for task in processes.jobs[0].tasks for shape in (own.shape for own in task.inputs.values())} == {
        (1, 16, 16, 16)
    }
