"""A whole visit to a GPU on the simulated device: in calls of nine minutes, stopped anywhere, and resumed."""

import dataclasses
import fnmatch
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import pytest

from microbench.bundle import command as on_device
from microbench.bundle.reader import open_bundle
from microbench.bundle.writer import BundleWriter
from microbench.cli import cli
from microbench.errors import EXIT_TIME_UP
from microbench.measure.sampler import Policy
from microbench.measure.store import read_records
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.runs import settings, time_limit
from microbench.studies.gpu_visit import CACHE, JOURNAL, RESULTS, Attempt, Outcome, Visit, conduct, steps_of

pytestmark = pytest.mark.heavy

ROWS = {
    "figure4": ("conv", "sepconv"),
    "figure5": ("c8",),
    "ceilings": ("matrix_product",),
    "table2": ("conv3x3/c14",),
    "table3": ("bilateral_b",),
    "table4": ("step-0/scores", "step-7/scores"),
}
PRECISIONS = {
    "figure4": 5, "figure5": 5, "ceilings": 5, "table2": 2, "table3": 2, "table4": 2,
}  # fmt: skip
"""fp32 and fp16 of all, and of the figures tf32, bf16 and int8 too."""
CALL_S = 9 * 60
BUILD_S, LOAD_S, TORCH_S, TRAINING_S = 25.0, 2.0, 200.0, 1500.0


class Killed(BaseException):
    """The process is gone: nothing catches it, and nothing is said."""


class Simulation:
    """The device's machine: a clock that its work moves on, and steps that run in this process."""

    def __init__(self, machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.commands: list[tuple[str, ...]] = []
        self.trained_s: dict[str, float] = {}
        self.events_until_kill: int | None = None
        self.fake = machine.install_all()
        self.fake.tactic = "winograd"
        self.fake.run_ns_of = lambda build, model: int(self.passes(BUILD_S)) or 10_000 + build + len(model)
        self.fake.load_factor = lambda: 1.0 + 0 * self.passes(LOAD_S)
        monkeypatch.setattr(time_limit, "time", self)
        monkeypatch.setattr("microbench.runs.runner.time.monotonic", self.monotonic)
        monkeypatch.setattr("microbench.runs.engines.time.monotonic", self.monotonic)
        monkeypatch.setattr(on_device, "start_process", self.start_beside)
        policy = Policy(min_generations=3, max_generations=3, rounds_per_generation=2)
        monkeypatch.setattr(settings, "_policy", lambda *_, **__: policy)

    def monotonic(self) -> float:
        return self.now_s

    def passes(self, seconds: float) -> int:
        self.now_s += seconds
        if self.events_until_kill is not None:
            self.events_until_kill -= 1
            if self.events_until_kill < 0:
                self.events_until_kill = None
                raise Killed
        return 0

    def execute(self, command: Sequence[str], seconds: float) -> int:
        self.commands.append(tuple(command))
        assert command[0] == sys.executable
        if command[2] == "microbench.measure":
            return self.measure(command[3:])
        parse(command[3:])
        if command[3] == "train":
            return self.train(command[4], seconds)
        if seconds < TORCH_S:
            self.passes(seconds)
            return EXIT_TIME_UP
        self.passes(TORCH_S)
        return 0

    def measure(self, arguments: Sequence[str]) -> int:
        with pytest.raises(SystemExit) as exit_info:
            on_device.main(list(arguments))
        assert isinstance(exit_info.value.code, int)
        return exit_info.value.code

    def start_beside(self, arguments: Sequence[str]) -> Callable[[], int]:
        """Processes that are started at one moment end when the last of them does."""
        start_s = self.now_s
        exit_code = self.measure(arguments[3:])
        end_s, self.now_s = self.now_s, start_s

        def wait() -> int:
            self.now_s = max(self.now_s, end_s)
            return exit_code

        return wait

    def train(self, network: str, seconds: float) -> int:
        """Stopped when its time is up, and resumed from its checkpoint."""
        needed = TRAINING_S - self.trained_s.get(network, 0.0)
        taken = min(needed, seconds)
        self.trained_s[network] = self.trained_s.get(network, 0.0) + taken
        self.passes(taken)
        return 0 if taken == needed else EXIT_TIME_UP


def parse(arguments: Sequence[str]) -> None:
    """Fails if the real command line does not take the arguments."""
    command: click.Command = cli
    rest = list(arguments)
    context = None
    while isinstance(command, click.Group):
        name = rest.pop(0)
        found = command.get_command(click.Context(command, parent=context), name)
        assert found is not None, name
        command = found
    command.make_context(command.name, rest, parent=context)


@pytest.fixture
def simulation(machine: Any, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    return Simulation(machine, monkeypatch)


@pytest.fixture
def visit(workload: Workload, tmp_path: Path) -> Visit:
    writer = BundleWriter(tmp_path / "bundle")
    for experiment, names in ROWS.items():
        for name in names:
            model = onnx.load_from_string(workload.onnx_model)
            model.doc_string = f"{experiment} {name}"
            own = dataclasses.replace(workload, name=name, onnx_model=model.SerializeToString())
            whole_network = experiment.startswith("table")
            writer.add(WorkloadSpec(experiment, name, lambda own=own: own), own, whole_network=whole_network)  # type: ignore[misc]
    writer.finish()
    return Visit(tmp_path / "bundle", tmp_path / "visit", camvid=tmp_path)


def call(visit: Visit, simulation: Simulation) -> Outcome:
    return conduct(visit, 9.0, simulation.execute, clock_s=simulation.monotonic)


def attempts(visit: Visit) -> list[Attempt]:
    return [Attempt(**json.loads(line)) for line in (visit.folder / JOURNAL).read_text().splitlines()]


def check_complete(visit: Visit, simulation: Simulation) -> None:
    expected = {(experiment, name) for experiment, names in ROWS.items() for name in names}
    (folder,) = (visit.folder / RESULTS).iterdir()
    assert folder.name.startswith("simulated-gpu-")
    finished: dict[tuple[str, str], set[str]] = {}
    for path in folder.glob("*.jsonl"):
        for record in read_records(path):
            assert record.error is None
            assert record.measurement is not None
            if len({generation.build for generation in record.measurement.generations}) == 3:
                finished.setdefault((record.experiment, record.name), set()).add(record.configuration.precision)
    assert finished.keys() == expected
    assert {name: len(precisions) for name, precisions in finished.items()} == {
        name: PRECISIONS[name[0]] for name in expected
    }
    engines = sum(3 * PRECISIONS[experiment] * len(names) for experiment, names in ROWS.items())
    assert len(list((visit.folder / CACHE / "tensorrt").glob("*.engine"))) == engines
    assert len(simulation.fake.builds) == engines, "an engine was built twice"
    assert simulation.trained_s == {"lpsnet-s": TRAINING_S, "lpsnet-l": TRAINING_S}
    winograd = json.loads((visit.folder / "winograd.json").read_text())
    assert len(winograd) == sum(PRECISIONS[experiment] * len(names) for experiment, names in ROWS.items())
    assert all(any("winograd" in tactic for tactic in tactics) for tactics in winograd.values())
    done = [attempt.step for attempt in attempts(visit) if attempt.is_done]
    assert done == [step.name for step in steps_of(visit)], "each step once, in the order of what is wanted most"


def until_complete(visit: Visit, simulation: Simulation, stop: Callable[[], None] = lambda: None) -> int:
    for calls in range(1, 100):
        start_s = simulation.now_s
        stop()
        try:
            outcome = call(visit, simulation)
        except Killed:
            continue
        assert simulation.now_s - start_s <= CALL_S
        assert not outcome.failed
        if not outcome.left:
            return calls
    raise AssertionError("the visit does not come to an end")


@pytest.mark.slow
def test_a_visit_is_complete_after_calls_of_nine_minutes(visit: Visit, simulation: Simulation) -> None:
    calls = until_complete(visit, simulation)
    assert calls > 5  # it does not fit into one
    check_complete(visit, simulation)
    # One more call does nothing.
    before = len(simulation.commands)
    assert call(visit, simulation) == Outcome((), {})
    assert len(simulation.commands) == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_visit_that_is_killed_anywhere_is_resumed(visit: Visit, simulation: Simulation, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def stop() -> None:
        """Half of the calls are killed in the middle of something."""
        simulation.events_until_kill = int(rng.integers(1, 60)) if rng.random() < 0.5 else None

    until_complete(visit, simulation, stop)
    check_complete(visit, simulation)


def test_the_engines_of_a_step_come_before_its_rows_and_the_figures_first(visit: Visit) -> None:
    names = [step.name for step in steps_of(visit)]
    for name in names:
        if name.endswith("-engines"):
            assert names[names.index(name) + 1] == name.removesuffix("-engines")
    wanted = ["doctor", "torch-figure4-kernel_span", "tensorrt-figures", "tensorrt-family", "tensorrt-tables"]
    wanted += ["train-lpsnet-s", "gate-same-against-same", "tensorrt-figures-in-less", "torch-sweep-kernel_span"]
    assert [name for name in names if name in wanted] == wanted


def test_every_command_of_a_visit_is_one_that_there_is(visit: Visit) -> None:
    rows = [f"{entry.experiment}/{entry.name}" for entry in open_bundle(visit.bundle).manifest.entries]
    for step in steps_of(visit):
        if step.command[2] == "microbench.measure":
            options = on_device._parser().parse_args(list(step.command[3:]))
            assert all(any(fnmatch.fnmatchcase(row, pattern) for row in rows) for pattern in options.only)
        else:
            parse(step.command[3:])


def test_a_step_that_cannot_run_is_tried_again_last(visit: Visit, simulation: Simulation) -> None:
    broken = {"doctor"}

    def execute(command: Sequence[str], seconds: float) -> int:
        if "doctor" in command and broken:
            return 70
        return simulation.execute(command, seconds)

    outcome = conduct(visit, 9.0, execute, clock_s=simulation.monotonic)
    assert outcome.failed == {"doctor": 70}
    assert "doctor" not in outcome.left
    broken.clear()
    conduct(visit, 1e6, execute, clock_s=simulation.monotonic)
    assert [attempt.step for attempt in attempts(visit)][-1] == "doctor"


def test_without_camvid_nothing_is_trained(visit: Visit) -> None:
    without = dataclasses.replace(visit, camvid=None)
    assert not [step for step in steps_of(without) if step.name.startswith("train")]


def test_a_visit_lists_its_commands_and_does_nothing(visit: Visit, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "gpu-visit", "--bundle", str(visit.bundle), "--out", str(visit.folder), "--list"]
    cli.main(arguments, standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("doctor: ")
    assert not visit.folder.exists()
