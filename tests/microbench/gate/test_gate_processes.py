"""The gate's real processes, with few windows: whether they work, not how exact they are."""

import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_gate import FakeProcesses, WriteModel, is_gone

from microbench.errors import InputError
from microbench.gate.decision import GateVerdict
from microbench.gate.decision_rule import DecisionRule
from microbench.gate.inputs import ModelInput
from microbench.gate.ledger import Ledger, read_ledger
from microbench.gate.model_set import ModelSet, open_models
from microbench.gate.plan import GatePlan
from microbench.gate.reason import ReasonCode
from microbench.gate.result import WorkloadResult
from microbench.gate.revision import RevisionExporter
from microbench.gate.run import run
from microbench.gate.sampling import Arm, Task
from microbench.gate.sampling_plan import SamplingPlan
from microbench.gate.spawn import run_worker
from microbench.gate.worker import Job, run_job
from microbench.measure.record import Configuration

FEW = SamplingPlan(processes=6, triples=8, fewest_triples=2, min_window_ms=0.3, warm_up_ms=2)
LENIENT = DecisionRule(significance=0.05, max_null_shift=1.0, max_half_width=2.0)
"""Six processes of few windows are no gate; but a network eight times as deep must show."""
CPU = Configuration("onnxruntime")


def models_in(path: Path, workspace: Path) -> ModelSet:
    return open_models("base", str(path), workspace, RevisionExporter(), {})


def run_in(folder: Path, plan: GatePlan) -> tuple[tuple[WorkloadResult, ...], list[dict[str, Any]]]:
    """The gate's workloads, and its ledger's lines."""
    with Ledger(folder / "processes.jsonl") as ledger:
        return run(plan, ledger).workloads, ledger.lines


def task(
    name: str, base: Path, head: Path, one_more_in: int | None = None, shape: tuple[int, ...] = (1, 8, 16, 16)
) -> Task:
    arms = [Arm("base", str(base), 0), Arm("base again", str(base), 1), Arm("head", str(head), 2, one_more_in)]
    return Task(name, {"image": ModelInput(shape)}, arms)


@pytest.mark.slow
@pytest.mark.subprocess
def test_a_gate_with_real_processes_finds_a_much_deeper_network_slower(write_model: WriteModel, tmp_path: Path) -> None:
    for name, layers in (("net", 8), ("same", 1)):
        write_model(f"base/{name}.onnx")
        write_model(f"head/{name}.onnx", layers)
    plan = GatePlan(models_in(tmp_path / "base", tmp_path), models_in(tmp_path / "head", tmp_path), CPU, FEW, LENIENT)
    workloads, lines = run_in(tmp_path, plan)
    verdicts = {workload.name: workload.verdict for workload in workloads}
    assert verdicts["net"] is GateVerdict.SLOWER
    assert [len(line["workloads"]) for line in lines[:6]] == [2] * 6
    assert lines[0]["environment"]["cpu_cores"] >= 1
    for entry in lines[0]["workloads"]:
        for arm in entry["arms"].values():
            assert len(arm["wall_ns"]) == len(arm["cpu_ns"]) == len(arm["runs"]) >= 2
    assert read_ledger(tmp_path / "processes.jsonl") == json.loads(json.dumps(lines))


@pytest.mark.slow
@pytest.mark.subprocess
def test_sides_with_interpreters_of_their_own_run_apart(write_model: WriteModel, tmp_path: Path) -> None:
    write_model("base/net.onnx")
    write_model("head/net.onnx", 8)
    pythons = {"base": sys.executable, "head": sys.executable}
    sides = models_in(tmp_path / "base", tmp_path), models_in(tmp_path / "head", tmp_path)
    plan = GatePlan(*sides, CPU, FEW, LENIENT, confirmation_processes=0, pythons=pythons)
    (workload,), lines = run_in(tmp_path, plan)
    assert workload.reason.code is ReasonCode.ABOVE_LIMIT
    assert workload.decision is not None
    assert workload.decision.first.estimate.slowdown.low > 0
    blocks = ["".join("A" if line["side"] == "base" else "B" for line in lines[i : i + 4]) for i in range(0, 24, 4)]
    assert len(lines) == 24
    assert set(blocks) <= {"ABBA", "BAAB"}


@pytest.mark.subprocess
def test_outputs_of_other_shapes_are_named(write_model: WriteModel, tmp_path: Path) -> None:
    write_model("base/net.onnx")
    write_model("head/net.onnx", outputs=3)
    plan = GatePlan(models_in(tmp_path / "base", tmp_path), models_in(tmp_path / "head", tmp_path), CPU, FEW, LENIENT)
    (workload,), _ = run_in(tmp_path, plan)
    assert (workload.verdict, workload.reason.code) == (GateVerdict.NOT_COMPARED, ReasonCode.FAILED)
    shapes = "outputs of arm 'head' have the shapes [[1, 3, 16, 16]], those of 'base' [[1, 8, 16, 16]]"
    assert shapes in workload.reason.message


def lines_of(job: Job) -> list[dict[str, Any]]:
    return list(run_job(job))[1:]


def test_an_injected_slowdown_is_runs_that_are_really_done(write_model: WriteModel) -> None:
    model = write_model("net.onnx")
    (line,) = lines_of(Job(CPU, FEW, 0, [task("net", model, model, 20)]))
    base, head = line["arms"]["base"], line["arms"]["head"]
    assert base["nominal"] == head["nominal"] == base["asked"]
    assert base["nominal"] % 20 == 0
    assert head["asked"] * 20 == head["nominal"] * 21
    assert set(head["runs"]) == {head["asked"]}


def test_a_model_too_slow_to_inject_into_says_so(write_model: WriteModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microbench.gate.sampling._LONGEST_INJECTED_WINDOW_NS", 1.0)
    model = write_model("net.onnx")
    injected, plain = lines_of(Job(CPU, FEW, 0, [task("slow", model, model, 50), task("plain", model, model)]))
    assert "too slow to inject one run in 50" in injected["error"]
    assert "arms" in plain


@pytest.mark.parametrize(("threads", "clock"), [(1, "cpu_ns"), (2, "wall_ns")])
def test_the_cpu_time_of_threads_that_may_spin_does_not_decide(
    threads: int, clock: str, write_model: WriteModel
) -> None:
    model = write_model("net.onnx")
    (line,) = lines_of(Job(Configuration("onnxruntime", threads=threads), FEW, 0, [task("net", model, model)]))
    assert line["arms"]["head"]["clock"] == clock


def test_a_slow_model_gets_as_many_triples_as_there_is_time_for(write_model: WriteModel) -> None:
    model = write_model("net.onnx")
    hurried = dataclasses.replace(FEW, triples=100, fewest_triples=3, budget_s=1e-6)
    (line,) = lines_of(Job(CPU, hurried, 0, [task("net", model, model)]))
    assert len(line["arms"]["base"]["runs"]) == 3


def test_values_that_differ_are_reported_with_their_size(write_model: WriteModel) -> None:
    base, head = write_model("base.onnx"), write_model("head.onnx", seed=1)
    (line,) = lines_of(Job(CPU, FEW, 0, [task("net", base, head)]))
    assert line["arms"]["base again"]["output_difference"] == 0
    assert line["arms"]["head"]["output_difference"] > 0.1


def test_a_model_that_fails_leaves_the_others(write_model: WriteModel) -> None:
    model = write_model("net.onnx")
    wrong = task("wrong", model, model, shape=(1, 8, 5, 5))
    first, second = lines_of(Job(CPU, FEW, 0, [wrong, task("net", model, model)]))
    assert "error" in first
    assert "arms" in second


@pytest.mark.subprocess
def test_a_process_that_dies_names_what_it_died_of(write_model: WriteModel, tmp_path: Path) -> None:
    model = write_model("net.onnx")
    python = tmp_path / "python"
    # Does the first task, then is shot in the second.
    python.write_text(
        f"#!{sys.executable}\nimport json, os, signal, sys\n"
        "tasks = json.load(open(sys.argv[3]))['tasks']\n"
        "with open(sys.argv[4], 'w') as out:\n"
        '    out.write(\'{"runtime_version": "1"}\\n\')\n'
        "    out.write(json.dumps({'workload': tasks[0]['workload'], 'arms': {}}) + '\\n{\"workl')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    python.chmod(0o755)
    tasks = [task(name, model, model) for name in ("first", "second", "third")]
    version, entries = run_worker(str(python), Job(CPU, FEW, 0, tasks))
    assert version == "1"
    assert [entry["workload"] for entry in entries] == ["first", "second"]
    assert entries[1]["error"] == "the process died: it ended with code -9"


ENDLESS = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for a job in the background
from microbench.gate.inputs import ModelInput
from microbench.gate.sampling import Arm, Task
from microbench.gate.sampling_plan import SamplingPlan
from microbench.gate.spawn import run_worker
from microbench.gate.worker import Job
from microbench.measure.record import Configuration
task = Task("net", {"image": ModelInput((1, 8, 16, 16))}, [Arm("base", sys.argv[1])])
plan = SamplingPlan(triples=10**9, budget_s=300)
run_worker(sys.executable, Job(Configuration("onnxruntime"), plan, 0, [task]))
"""


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell a process that its parent died")
@pytest.mark.parametrize("killed_by", [signal.SIGINT, signal.SIGKILL])
def test_a_gate_that_is_stopped_or_killed_leaves_no_process_behind(
    killed_by: signal.Signals, write_model: WriteModel, tmp_path: Path
) -> None:
    model = write_model("net.onnx")
    (tmp_path / "temporary").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(model)],
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stderr=subprocess.DEVNULL,
    ) as gate:
        deadline = time.monotonic() + 60
        while not (workers := children(gate.pid)) or not ready(tmp_path / "temporary"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        gate.send_signal(killed_by)
        gate.wait(10)
    assert all(is_gone(pid) for pid in workers)
    if killed_by == signal.SIGINT:
        assert list((tmp_path / "temporary").glob("microbench-gate-*")) == []


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def ready(temporary: Path) -> bool:
    """Whether a worker has loaded its runtime and measures."""
    return any(path.stat().st_size for path in temporary.glob("*/out.jsonl"))


@pytest.mark.subprocess
@pytest.mark.parametrize(("python", "said"), [("/nowhere/python", "No such file"), ("/bin/false", "ended with code 1")])
def test_an_interpreter_that_cannot_run_it_is_named(python: str, said: str, write_model: WriteModel) -> None:
    model = write_model("net.onnx")
    with pytest.raises(InputError, match=f"interpreter '{python}' cannot run the gate's worker: .*{said}"):
        run_worker(python, Job(CPU, FEW, 0, [task("net", model, model)]))


def test_what_a_crash_did_not_come_to_is_measured_by_another_process(
    processes: FakeProcesses, write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        write_model(f"base/{name}.onnx")

    def crashing(python: str, job: Job) -> tuple[str, list[dict[str, Any]]]:
        version, entries = processes(python, job)
        for index, entry in enumerate(entries):
            if entry["workload"] == "b":
                return version, [*entries[:index], {"workload": "b", "error": "the process died"}]
        return version, entries

    monkeypatch.setattr("microbench.gate.processes.run_worker", crashing)
    models = models_in(tmp_path / "base", tmp_path)
    workloads, _ = run_in(tmp_path, GatePlan(models, models, CPU))
    assert [own.verdict for own in workloads] == [GateVerdict.PASS, GateVerdict.NOT_COMPARED, GateVerdict.PASS]
    assert all(len(own.stages["first"]) == 12 for own in workloads if own.name != "b")


@pytest.mark.parametrize("content", [b"not a process\n", b"no line break", b"\x89PNG\r\n\x1a\n\x00"])
def test_a_ledger_of_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "processes.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="line 1, is not a process of this version"):
        Ledger(path)
    assert path.read_bytes() == content


def test_two_gates_in_one_folder_lock_each_other_out(tmp_path: Path) -> None:
    path = tmp_path / "processes.jsonl"
    with Ledger(path), pytest.raises(InputError, match=r"gate file .* is being written by another run"):
        Ledger(path)


@pytest.mark.parametrize("name", ["pool", "real"])
def test_the_committed_ledgers_can_be_read(tmp_path: Path, name: str) -> None:
    committed = Path(__file__).parents[3] / "results/xeon-2-cores/gate/calibration" / f"{name}.jsonl.gz"
    path = tmp_path / f"{name}.jsonl"
    path.write_bytes(gzip.decompress(committed.read_bytes()))
    with Ledger(path) as ledger:
        assert ledger.latest_gate(ledger.lines[-1]["key"]) == ledger.lines[-1]["gate"]
    assert read_ledger(path) == ledger.lines
