"""Run a command so that nothing of it is left when it ends, hangs, or the user stops the gate."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def run_in_group(
    command: str | Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command, or by the shell if it is one text, in a process group of its own.

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it did not end in time; it and the processes that it started are killed.
    """
    with subprocess.Popen(
        command,
        shell=isinstance(command, str),
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(timeout=timeout_s)
        except BaseException:
            _kill_group(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def _kill_group(process: subprocess.Popen[str]) -> None:
    if not hasattr(os, "killpg"):  # on Windows
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def last_line(text: str) -> str:
    r"""The last line that is not blank, or nothing.

    >>> last_line("compiling\nno compiler here\n\n")
    'no compiler here'
    """
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
