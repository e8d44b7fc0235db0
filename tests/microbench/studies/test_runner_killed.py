"""kill -9 at any moment of a sweep: no finished row is lost, none is measured twice, and what is missing is made up."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from microbench.measure.store import latest, read_records

pytestmark = [pytest.mark.slow, pytest.mark.subprocess]

WIDTHS = 60
ROWS = 2 * WIDTHS
KILLS = 15

# Imports cost seconds, so they are made once; each run is a copy of this process, and is killed in one of three ways.
DRIVER = f"""
import json, os, random, signal, sys, time
from pathlib import Path

from microbench import runtimes
from microbench.runs import runner
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.sampler import Policy

folder = Path(sys.argv[1])
path = folder / "sweep.jsonl"
random.seed(int(sys.argv[2]))
runner.MAX_INTERLEAVED_ROWS = 4  # rows end a few at a time
axes = Axes(blocks=(BlockChoice("conv3x3"),), widths=tuple(range(1, {WIDTHS} + 1)), resolutions=((8, 8), (9, 9)))
policy = Policy(ci_target=0.5, row_budget_s=0.05, min_generations=2, rounds_per_generation=2, min_window_ms=0.05)
plan = runner.Plan(
    axes_to_specs("sweep", axes), [runner.Target(*runtimes.configure("onnxruntime", "fp32", "cpu", 1))], policy, folder
)


def size():
    return path.stat().st_size if path.exists() else 0


def complete_lines():
    return path.read_bytes().split(b"\\n")[:-1] if path.exists() else []


def start(before_run):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            before_run()
            code = 0 if len(runner.run(plan)) == {ROWS} else 3
        finally:
            os._exit(code)
    return child


def kill_in_the_middle_of_a_write():
    whole_write, appends = os.write, random.randrange(1, 4)

    def write(descriptor, data):
        nonlocal appends
        appends -= 1
        if appends:
            return whole_write(descriptor, data)
        whole_write(descriptor, data[: random.randrange(len(data))])
        os.kill(os.getpid(), signal.SIGKILL)

    os.write = write


def kill_from_outside(child, how):
    before = len(complete_lines())
    if how == "anywhere":
        # But not so late that a fast machine has nothing left to do.
        end = time.monotonic() + random.uniform(0.0, 0.5)
        while time.monotonic() < end and len(complete_lines()) < before + 6:
            time.sleep(0.001)
    else:
        end = time.monotonic() + 120  # on a busy machine the first rows take long
        while len(complete_lines()) == before and time.monotonic() < end:
            pass
        time.sleep(random.choice([0.0, random.uniform(0.0, 0.002), random.uniform(0.0, 0.05)]))
    seen = complete_lines()
    os.kill(child, signal.SIGKILL)
    return seen


for attempt in range({KILLS}):
    how = ("anywhere", "around an append", "in a write")[attempt % 3]
    # What the last kill left, less a torn line.
    seen = complete_lines()
    child = start(kill_in_the_middle_of_a_write if how == "in a write" else lambda: None)
    if how != "in a write":
        seen = kill_from_outside(child, how)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = complete_lines()
    print(json.dumps({{
        "how": how,
        "status": status,
        "kept": left[: len(seen)] == seen,
        "seen": len(seen),
        "left": [json.loads(line)["name"] for line in left],
        "torn": size() > 0 and not path.read_bytes().endswith(b"\\n"),
    }}), flush=True)

child = start(lambda: None)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps({{"how": "to the end", "status": status}}), flush=True)
"""


@dataclass(frozen=True)
class Runs:
    killed: list[dict[str, Any]]
    last_status: int
    path: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    if not hasattr(os, "fork"):
        pytest.skip("the system has no fork to make cheap copies of a process with")
    folder = tmp_path_factory.mktemp("killed")
    (folder / "driver.py").write_text(DRIVER)
    seed = int.from_bytes(os.urandom(2), "big")
    print(f"seed of the kills: {seed}")  # noqa: T201 - shown by pytest where a test fails
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(folder / "driver.py"), str(folder / "machine"), str(seed)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    *killed, last = [json.loads(line) for line in done.stdout.splitlines()]
    return Runs(killed, last["status"], folder / "machine" / "sweep.jsonl")


def test_the_runs_were_killed_before_during_and_between_appends(runs: Runs) -> None:
    assert len(runs.killed) == KILLS
    assert [run["status"] for run in runs.killed] == [-9] * KILLS
    assert any(run["torn"] for run in runs.killed)
    assert any(run["left"] for run in runs.killed)
    # The last kill left something to do.
    assert len(runs.killed[-1]["left"]) < ROWS


def test_no_kill_lost_a_record_that_was_complete(runs: Runs) -> None:
    assert all(run["kept"] for run in runs.killed)
    for earlier, later in zip(runs.killed, runs.killed[1:], strict=False):
        assert later["left"][: len(earlier["left"])] == earlier["left"]


def test_no_rerun_measured_a_finished_row_again(runs: Runs) -> None:
    for run in runs.killed:
        assert len(set(run["left"])) == len(run["left"])


def test_the_last_run_measured_what_was_missing_and_nothing_else(runs: Runs) -> None:
    assert runs.last_status == 0
    records = read_records(runs.path)  # no torn line is left to warn of
    assert len(records) == len(latest(records)) == ROWS
    finished = runs.killed[-1]["left"]
    assert [record.name for record in records[: len(finished)]] == finished
    assert {record.axes["width"] for record in records} == set(range(1, WIDTHS + 1))
    assert all(record.measurement is not None for record in records)
