"""Run an experiment in a process of its own, as some settings of a library are read once, when it is loaded.

`python -m microbench.studies.isolated TASK RECORDS` is such a process: it reads the task that `run_isolated` wrote, and
writes the records. What the user asked to import is imported there too (see `microbench.plugins`).
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from microbench.errors import EXIT_BAD_INPUT, InputError
from microbench.experiments.base import Experiment, Isolated
from microbench.measure.record import Record
from microbench.runs.settings import Settings
from microbench.runs.time_limit import TimeLimit

_LEAST_MINUTES = 0.01


@dataclass(frozen=True)
class _Task:
    experiment: Experiment
    settings: Settings
    max_minutes: float | None


@dataclass(frozen=True)
class _Outcome:
    records: list[Record]
    rows_left: int


def run_isolated(part: Isolated, settings: Settings, limit: TimeLimit | None = None) -> list[Record]:
    """Time the part's rows that are not recorded yet, in a process with the part's environment.

    Args:
        part: what to time.
        settings: how.
        limit: if given, rows that would not end within it are not begun.

    Returns:
        The records of the part's rows.

    Raises:
        InputError: as `microbench.studies.run.run_experiments` does.
        RuntimeError: the process ended otherwise than it should; what it printed last is in the message.
    """
    minutes = None if limit is None else max(limit.left_s / 60, _LEAST_MINUTES)
    with tempfile.TemporaryDirectory(prefix="microbench-part-") as folder:
        task, results = Path(folder) / "task", Path(folder) / "records"
        task.write_bytes(pickle.dumps(_Task(part.experiment, settings, minutes)))
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(task), str(results)],
            env={**os.environ, **part.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
        if done.returncode == EXIT_BAD_INPUT:
            raise InputError(said[0])
        if done.returncode or not results.is_file():
            raise RuntimeError(
                f"the process of experiment {part.experiment.name!r} ended with exit code {done.returncode}: {said[0]}"
            )
        outcome: _Outcome = pickle.loads(results.read_bytes())  # our own child wrote it, in a folder of ours
    if limit is not None:
        limit.rows_left += outcome.rows_left
    return outcome.records


def _main(task_path: str, results_path: str) -> int:
    from microbench.studies.run import run_experiments

    task: _Task = pickle.loads(Path(task_path).read_bytes())
    limit = None if task.max_minutes is None else TimeLimit(task.max_minutes)
    try:
        records = run_experiments([task.experiment], task.settings, limit=limit)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_INPUT
    own = records[task.experiment.name]
    outcome = _Outcome(own, limit.rows_left if limit is not None else 0)
    Path(results_path).write_bytes(pickle.dumps(outcome))
    return 0


if __name__ == "__main__":
    # Under the name that pickles have, not as __main__.
    from microbench.studies import isolated

    sys.exit(isolated._main(*sys.argv[1:]))
