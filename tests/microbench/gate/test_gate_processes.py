"""The gate's real processes: few windows, so that they say whether it works, and nothing of how exact it is."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_gate import FakeProcesses, WriteModel

from microbench.errors import InputError
from microbench.gate.child import run_process
from microbench.gate.conduct import Plan, conduct
from microbench.gate.judgement import Verdict
from microbench.gate.ledger import Ledger
from microbench.gate.policy import Policy, Rule, Sampling
from microbench.gate.process import Job, run_job
from microbench.gate.revision import Exporter
from microbench.gate.sampling import Arm, Task
from microbench.gate.sides import Side, open_side
from microbench.measure.record import Configuration

FEW = Sampling(processes=6, triples=8, fewest_triples=2, min_window_ms=0.3, warm_up_ms=2)
LENIENT = Rule(significance=0.05, max_null_shift=1.0, max_half_width=2.0)
"""Six processes of few windows are no gate; but a network eight times as deep must show."""
CPU = Configuration("onnxruntime")


def side(path: Path, workspace: Path) -> Side:
    return open_side("base", str(path), workspace, Exporter(), {})


def task(
    name: str, base: Path, head: Path, one_more_in: int | None = None, shape: tuple[int, ...] = (1, 8, 16, 16)
) -> Task:
    arms = [Arm("base", str(base), 0), Arm("base again", str(base), 1), Arm("head", str(head), 2, one_more_in)]
    return Task(name, {"image": shape}, arms)


def test_a_gate_with_real_processes_finds_a_much_deeper_network_slower(write_model: WriteModel, tmp_path: Path) -> None:
    for name, layers in (("net", 8), ("same", 1)):
        write_model(f"base/{name}.onnx")
        write_model(f"head/{name}.onnx", layers)
    plan = Plan(side(tmp_path / "base", tmp_path), side(tmp_path / "head", tmp_path), CPU, Policy(FEW, LENIENT))
    ledger = Ledger(tmp_path / "gate" / "processes.jsonl")
    outcome = conduct(plan, ledger)
    verdicts = {row.workload: row.verdict for row in outcome.rows}
    assert verdicts["net"] is Verdict.SLOWER
    assert [len(line["workloads"]) for line in ledger.lines[:6]] == [2] * 6
    line = ledger.lines[0]
    assert line["environment"]["cpu_cores"] >= 1
    for entry in line["workloads"]:
        for arm in entry["arms"].values():
            assert len(arm["wall_ns"]) == len(arm["cpu_ns"]) == len(arm["runs"]) >= 2
    assert Ledger(ledger.path).lines == json.loads(json.dumps(ledger.lines))


def test_sides_with_interpreters_of_their_own_run_apart(write_model: WriteModel, tmp_path: Path) -> None:
    write_model("base/net.onnx")
    write_model("head/net.onnx", 8)
    pythons = {"base": sys.executable, "head": sys.executable}
    sides = side(tmp_path / "base", tmp_path), side(tmp_path / "head", tmp_path)
    plan = Plan(*sides, CPU, Policy(FEW, LENIENT), pythons)
    ledger = Ledger(tmp_path / "processes.jsonl")
    # One stage is enough to see it.
    plan = dataclasses.replace(plan, policy=Policy(FEW, dataclasses.replace(LENIENT, slower_than=10.0)))
    (row,) = conduct(plan, ledger).rows
    assert row.decision is not None
    assert row.decision.first.evidence.shift.low > 0
    blocks = [
        "".join("A" if line["side"] == "base" else "B" for line in ledger.lines[i : i + 4]) for i in range(0, 24, 4)
    ]
    assert set(blocks) <= {"ABBA", "BAAB"}


def test_outputs_of_other_shapes_are_named(write_model: WriteModel, tmp_path: Path) -> None:
    write_model("base/net.onnx")
    write_model("head/net.onnx", outputs=3)
    plan = Plan(side(tmp_path / "base", tmp_path), side(tmp_path / "head", tmp_path), CPU, Policy(FEW, LENIENT))
    (row,) = conduct(plan, Ledger(tmp_path / "processes.jsonl")).rows
    assert row.verdict is Verdict.NOT_COMPARED
    assert "outputs of arm 'head' have the shapes [[1, 3, 16, 16]], those of 'base' [[1, 8, 16, 16]]" in row.reason


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


def test_values_that_differ_are_told_with_how_much(write_model: WriteModel) -> None:
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
    version, entries = run_process(str(python), Job(CPU, FEW, 0, tasks))
    assert version == "1"
    assert [entry["workload"] for entry in entries] == ["first", "second"]
    assert entries[1]["error"] == "the process died: it ended with code -9"


@pytest.mark.parametrize(("python", "said"), [("/nowhere/python", "No such file"), ("/bin/false", "ended with code 1")])
def test_an_interpreter_that_cannot_run_it_is_named(python: str, said: str, write_model: WriteModel) -> None:
    model = write_model("net.onnx")
    with pytest.raises(InputError, match=f"interpreter '{python}' cannot run the gate's process: .*{said}"):
        run_process(python, Job(CPU, FEW, 0, [task("net", model, model)]))


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

    monkeypatch.setattr("microbench.gate.replicates.run_process", crashing)
    models = side(tmp_path / "base", tmp_path)
    plan = Plan(models, models, CPU)
    outcome = conduct(plan, Ledger(tmp_path / "processes.jsonl"))
    assert [row.verdict for row in outcome.rows] == [Verdict.PASS, Verdict.NOT_COMPARED, Verdict.PASS]
    assert all(len(row.stages["first"]) == 12 for row in outcome.rows if row.workload != "b")


def test_a_ledger_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "processes.jsonl"
    path.write_text("not a process\n")
    with pytest.raises(InputError, match="line 1, is not a process of this version"):
        Ledger(path)
    assert path.read_text() == "not a process\n"
