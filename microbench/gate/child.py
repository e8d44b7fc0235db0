"""Do a job in a process of its own, and say what it died of if it did."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import microbench
from microbench.errors import InputError
from microbench.gate.process import Job

_LONGEST_WORKLOAD_S = 300.0
"""In one process, loading included; after that it hangs."""


def run_process(python: str, job: Job) -> tuple[str, list[dict[str, Any]]]:
    """Do a job in a fresh process of the interpreter `python`.

    Returns:
        The runtime's version there, and one entry for each workload that was done. If the process died, the one that it
        died of has an error, and those that it did not come to are missing.

    Raises:
        InputError: the interpreter cannot be run, or lacks what the job needs.
    """
    with tempfile.TemporaryDirectory(prefix="microbench-gate-") as name:
        folder = Path(name)
        # This package alone: what else another interpreter imports shall be its own.
        (folder / "microbench").symlink_to(Path(microbench.__file__).parent, target_is_directory=True)
        job_path, out_path = folder / "job.json", folder / "out.jsonl"
        job_path.write_text(json.dumps(job.to_json()))
        said = _run([python, "-m", "microbench.gate.process", str(job_path), str(out_path)], folder, len(job.tasks))
        # A line that the process died in the middle of is not one.
        lines = out_path.read_text().split("\n")[:-1] if out_path.exists() else []
    if not lines:
        raise InputError(f"interpreter {python!r} cannot run the gate's process: {said}.")
    ready, *results = map(json.loads, lines)
    if len(results) < len(job.tasks):
        results.append({"workload": job.tasks[len(results)].workload, "error": f"the process died: {said}"})
    return ready["runtime_version"], results


def _run(command: list[str], folder: Path, tasks: int) -> str:
    """Run the command; returns the last thing it said."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_WORKLOAD_S * tasks,
        )
    except subprocess.TimeoutExpired:
        return "it hung"
    except OSError as error:
        return str(error.strerror)
    return last_line(done.stderr) or f"it ended with code {done.returncode}"


def last_line(text: str) -> str:
    """The last line that is not blank, or nothing."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
