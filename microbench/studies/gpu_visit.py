"""`microbench run gpu-visit`: all that is wanted from a GPU that is at hand for a short time, the most wanted first.

A visit is a list of steps, each a command of this project that continues where it was stopped. It takes as many calls
as it needs, each shorter than a limit. The visit's folder has a journal of what is finished, and is all that has to be
brought back.
"""

from __future__ import annotations

import fnmatch
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.bundle.reader import open_bundle
from microbench.errors import EXIT_ROWS_FAILED, EXIT_TIME_UP
from microbench.measure.jsonlines import LineFormat, open_for_appending
from microbench.measure.store import read_records

JOURNAL = "visit.jsonl"
RESULTS, CACHE = "results", "cache"
"""Folders in the visit's."""

_LEAST_S = 20.0
"""With less time left no further step is begun: it would hardly load its libraries."""
_GRACE_S = 15.0
"""What a step may take to stop once its time is up, by a signal if need be."""
_DEVICE_PROGRAM = ("-m", "microbench.measure")
_PROGRAM = ("-m", "microbench")


@dataclass(frozen=True)
class Visit:
    """What a visit is made of."""

    bundle: Path
    """Written by `microbench bundle` where torch and onnx are."""
    folder: Path
    """For everything that is brought back."""
    tensorrt_python: str = sys.executable
    """The interpreter that has TensorRT and pycuda; Python 3.9 with NumPy will do."""
    camvid: Path | None = None
    """Folder of CamVid; without it nothing is trained."""


@dataclass(frozen=True)
class Step:
    """One command of a visit."""

    name: str
    command: tuple[str, ...]
    """The interpreter and its arguments."""
    limited: bool = False
    """Whether it takes `--max-minutes` and ends by itself in time; others are stopped by a signal, and continue too."""


@dataclass(frozen=True)
class Attempt:
    """What became of a step in one call."""

    step: str
    exit_code: int
    seconds: float

    @property
    def is_done(self) -> bool:
        """Whether the step need not be tried again: rows that failed say why."""
        return self.exit_code in (0, EXIT_ROWS_FAILED)

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than by the time."""
        return not self.is_done and self.exit_code != EXIT_TIME_UP


_JOURNAL: LineFormat[Attempt] = LineFormat(
    file="journal",
    line="an attempt at a step of a visit",
    prefixes=(b'{"step":',),
    parse=lambda line: Attempt(**line),
    after_tear="the step is tried again",
)


Execute = Callable[[Sequence[str], float], int]
"""Runs a command for at most so many seconds and gives its exit code; `EXIT_TIME_UP` if it was stopped."""


_FIGURES = ("figure4/*", "figure5/*", "ceilings/matrix_product", "ceilings/*_copy")
"""Of the ceilings the roofline's: what kernels cost is of use on a CPU alone."""


def steps_of(visit: Visit) -> list[Step]:
    """The steps of a visit, the most wanted first; those for which something is missing are left out."""
    steps = [
        Step("doctor", (sys.executable, *_PROGRAM, "doctor", "--json")),
        *(_torch(visit, name, "--timing", "kernel_span") for name in ("figure4", "figure5")),
        *(_torch(visit, "figure4", "--timing", timing) for timing in ("isolated", "end_to_end")),
        *_tensorrt(visit, "figures", _FIGURES, ("fp32", "fp16")),
        *_tensorrt(visit, "family", ("table4/step-7/*", "table4/step-8/*", "table4/step-10/*"), ("fp32", "fp16")),
        *_tensorrt(visit, "tables", ("table2/*", "table3/*"), ("fp32", "fp16")),
        *_tensorrt(visit, "steps", ("table4/*",), ("fp32", "fp16")),
        *(_torch(visit, name, "--timing", "kernel_span") for name in ("table4", "table3", "table2")),
        *_training(visit),
        _gate(visit),
        *_tensorrt(visit, "figures-in-less", _FIGURES, ("tf32", "bf16", "int8")),
        _torch(visit, "sweep", "--width", "8..64:8", "--resolution", "128x128", "--resolution", "32x32"),
    ]
    return [step for step in steps if step is not None]


def _torch(visit: Visit, experiment: str, *options: str) -> Step:
    """Torch's CUDA graphs and eager mode; kernel spans are the same in both, and eager adds its own launches."""
    timing = options[1] if options[0] == "--timing" else "kernel_span"
    runtimes = ("torch-cuda-graph",) if timing == "kernel_span" else ("torch-cuda-graph", "torch-eager")
    precisions = ("fp32", "tf32", "fp16") if experiment.startswith("figure") else ("fp32", "fp16")
    arguments = [
        *(part for runtime in runtimes for part in ("--runtime", runtime)),
        *(part for precision in precisions for part in ("--precision", precision)),
        *options,
    ]
    command = ("run", experiment, "--device", "cuda", *arguments, "--results", str(visit.folder / RESULTS), "--json")
    return Step(f"torch-{experiment}-{timing}", (sys.executable, *_PROGRAM, *command), limited=True)


def _tensorrt(visit: Visit, name: str, patterns: Sequence[str], precisions: Sequence[str]) -> list[Step]:
    """Engines first, then their rows; nothing if the bundle has no such row."""
    rows = [f"{entry.experiment}/{entry.name}" for entry in open_bundle(visit.bundle).manifest.entries]
    present = [pattern for pattern in patterns if any(fnmatch.fnmatchcase(row, pattern) for row in rows)]
    if not present:
        return []
    command = (
        visit.tensorrt_python, *_DEVICE_PROGRAM, str(visit.bundle), "--runtime", "tensorrt",
        *(part for precision in precisions for part in ("--precision", precision)),
        *(part for pattern in present for part in ("--only", pattern)),
        "--results", str(visit.folder / RESULTS), "--engine-cache", str(visit.folder / CACHE),
    )  # fmt: skip
    return [
        Step(f"tensorrt-{name}-engines", (*command, "--build-only"), limited=True),
        Step(f"tensorrt-{name}", (*command, "--json"), limited=True),
    ]


def _training(visit: Visit) -> list[Step]:
    if visit.camvid is None:
        return []
    recipe = ("--recipe", "camvid", "--data", str(visit.camvid))
    program = (sys.executable, *_PROGRAM, "train")
    return [
        Step(f"train-{network}", (*program, network, *recipe, "--out", str(visit.folder / "trained" / network)))
        for network in ("lpsnet-s", "lpsnet-l")
    ]


def _gate(visit: Visit) -> Step | None:
    """The bundle against itself, on the device's clock: how often the gate errs there."""
    entries = open_bundle(visit.bundle).manifest.entries
    if not any(entry.experiment == "figure4" for entry in entries):
        return None
    same = str(visit.bundle)
    command = (
        "gate", same, same, "--runtime", "tensorrt", "--device", "cuda", "--only", "figure4/*",
        "--base-python", visit.tensorrt_python, "--head-python", visit.tensorrt_python,
        "--out", str(visit.folder / "gate"),
    )  # fmt: skip
    return Step("gate-same-against-same", (sys.executable, *_PROGRAM, *command))


@dataclass(frozen=True)
class Outcome:
    """What one call leaves."""

    left: tuple[str, ...]
    """Names of the steps that time was too short for."""
    failed: Mapping[str, int]
    """Exit codes of the steps that failed in this call."""


def conduct(
    visit: Visit,
    max_minutes: float,
    execute: Execute,
    on_step: Callable[[Step], None] = lambda _: None,
    clock_s: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Do what is left of a visit, as far as the time reaches; what failed in earlier calls comes last.

    Args:
        visit: what to do, and where.
        max_minutes: of this call.
        execute: runs a command.
        on_step: called before each step.
        clock_s: a clock.
    """
    start_s = clock_s()
    failed: dict[str, int] = {}
    journal, attempts = open_for_appending(visit.folder / JOURNAL, _JOURNAL)
    with journal:
        done = {attempt.step for attempt in attempts if attempt.is_done}
        tried = {attempt.step for attempt in attempts if attempt.failed}
        waiting = sorted((s for s in steps_of(visit) if s.name not in done), key=lambda step: step.name in tried)
        for place, step in enumerate(waiting):
            left_s = max_minutes * 60 - (clock_s() - start_s) - _GRACE_S
            if left_s < _LEAST_S:
                return Outcome(tuple(step.name for step in waiting[place:]), failed)
            on_step(step)
            begun_s = clock_s()
            command = [*step.command, *(("--max-minutes", f"{left_s / 60:.2f}") if step.limited else ())]
            attempt = Attempt(step.name, execute(command, left_s), round(clock_s() - begun_s, 1))
            journal.append(vars(attempt))
            if attempt.exit_code == EXIT_TIME_UP:
                return Outcome(tuple(step.name for step in waiting[place:]), failed)
            if attempt.failed:
                failed[step.name] = attempt.exit_code
    write_winograd(visit.folder)
    return Outcome((), failed)


def execute(command: Sequence[str], seconds: float) -> int:
    """Run a command in a process, and stop it as Ctrl-C does when its time is up."""
    process = subprocess.Popen(command)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return EXIT_TIME_UP
    except BaseException:
        process.kill()
        raise


def write_winograd(folder: Path) -> None:
    """List the rows with a Winograd kernel, by the names of the tactics, in winograd.json in the visit's folder."""
    found = {}
    for path in sorted((folder / RESULTS).rglob("*.jsonl")):
        for record in read_records(path):
            builds = record.measurement.builds if record.measurement is not None else None
            if record.configuration.runtime != "tensorrt" or not builds:
                continue
            tactics = {
                layer["tactic"]
                for build in builds
                for layer in build["layers"]
                if "winograd" in layer.get("tactic", "").lower()
            }
            found[f"{record.experiment}/{record.name} {record.configuration.precision}"] = sorted(tactics)
    (folder / "winograd.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
