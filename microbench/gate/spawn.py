"""Start a fresh process that does a job; if it dies, say which workload it died in and why.

Only a fresh process has a new memory layout, and a crash of a runtime ends that process alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import microbench
from microbench.errors import InputError
from microbench.gate.process_group import last_line, run_in_group
from microbench.gate.worker import Job

_LONGEST_WORKLOAD_S = 300.0
"""In one process, loading included; after that the process is taken to hang, and killed."""


def run_worker(python: str, job: Job) -> tuple[str, list[dict[str, Any]]]:
    """Do a job in a fresh process of the interpreter `python`.

    Returns:
        The runtime's version there, and one entry for each workload that was measured. If the process died, the
        workload that it died in has an error, and those after it are missing.

    Raises:
        InputError: the interpreter cannot be run, or lacks what the job needs.
    """
    with tempfile.TemporaryDirectory(prefix="microbench-gate-") as name:
        folder = Path(name)
        # This package alone: another interpreter shall import its own copies of everything else.
        (folder / "microbench").symlink_to(Path(microbench.__file__).parent, target_is_directory=True)
        job_path, out_path = folder / "job.json", folder / "out.jsonl"
        job_path.write_text(json.dumps(job.to_json()), encoding="utf-8")
        command = [python, "-m", "microbench.gate.worker", str(job_path), str(out_path)]
        ending = _run(command, folder, _LONGEST_WORKLOAD_S * len(job.tasks))
        # What follows the last line break is a line that the process died in.
        lines = out_path.read_text(encoding="utf-8").split("\n")[:-1] if out_path.exists() else []
    if not lines:
        raise InputError(f"interpreter {python!r} cannot run the gate's worker: {ending}.")
    ready, *results = map(json.loads, lines)
    if len(results) < len(job.tasks):
        results.append({"workload": job.tasks[len(results)].workload, "error": f"the process died: {ending}"})
    return ready["runtime_version"], results


def _run(command: list[str], folder: Path, timeout_s: float) -> str:
    """Run the command; returns the last line of its errors, or how it ended."""
    try:
        done = run_in_group(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            timeout_s=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {timeout_s:.0f} s"
    except OSError as error:
        return str(error.strerror)
    return last_line(done.stderr) or f"it ended with code {done.returncode}"
