"""`python -m microbench.gate.worker JOB OUT`: one of the gate's fresh processes, started by `spawn` alone.

Writes one line of JSON to OUT for each workload as soon as it is done, so that the workload that a crash happened in is
known by name.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microbench.gate.inputs import ModelInput
from microbench.gate.sampling import Arm, Task, sample_task
from microbench.gate.sampling_plan import SamplingPlan
from microbench.measure.record import Configuration
from microbench.measure.sampler import one_line
from microbench.runtimes import configure

_PR_SET_PDEATHSIG = 1
"""Of Linux's prctl.h."""


@dataclass(frozen=True)
class Job:
    """What one worker measures."""

    configuration: Configuration
    sampling: SamplingPlan
    seed: int
    tasks: Sequence[Task]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Job:
        """The job that `to_json` wrote."""
        return Job(
            Configuration(**document["configuration"]),
            SamplingPlan(**document["sampling"]),
            document["seed"],
            [_task_from_json(task) for task in document["tasks"]],
        )


def _task_from_json(document: Mapping[str, Any]) -> Task:
    inputs = {
        name: ModelInput(**{**fields, "shape": tuple(fields["shape"])}) for name, fields in document["inputs"].items()
    }
    return Task(document["workload"], inputs, [Arm(**arm) for arm in document["arms"]])


def run_job(job: Job) -> Iterator[dict[str, Any]]:
    """Yields the runtime's version once it is ready, then for each task, in order, its arms' windows or its error.

    Raises:
        InputError: the configuration cannot be run here.
    """
    c = job.configuration
    runtime, _ = configure(c.runtime, c.precision, c.device, c.threads, c.timing, c.l2, c.cache)
    yield {"runtime_version": runtime.version()}
    rng = np.random.default_rng(job.seed)
    for task in job.tasks:
        try:
            yield {"workload": task.workload, "arms": sample_task(runtime, c, task, job.sampling, rng)}
        except Exception as error:  # a workload that fails must not take the others with it
            yield {"workload": task.workload, "error": one_line(error)}


def main(job_path: str, out_path: str) -> None:
    """Do the job in `job_path`; lines go to `out_path`."""
    job = Job.from_json(json.loads(Path(job_path).read_text(encoding="utf-8")))
    with Path(out_path).open("w", encoding="utf-8") as out:
        for line in run_job(job):
            out.write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")
            out.flush()


def _end_with_parent() -> None:
    """Have the system kill this process when the gate is killed, so that it does not disturb what is measured next."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    _end_with_parent()
    main(*sys.argv[1:])
