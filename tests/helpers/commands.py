"""Calls the command as a user does: in this process, which is quick, or in one of its own."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def call_microbench(*arguments: object) -> Ended:
    """`microbench ARGUMENTS` in this process and folder: an interpreter that imports torch takes seconds to start."""
    from microbench.cli import main

    out, err = io.StringIO(), io.StringIO()
    command = ["microbench", *map(str, arguments)]
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", command),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, out.getvalue(), err.getvalue())


def run_microbench(
    *arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None, timeout_s: int = 300
) -> Ended:
    """`microbench ARGUMENTS` in a process of its own."""
    return run_python("-m", "microbench", *arguments, cwd=cwd, environment=environment, timeout_s=timeout_s)


def run_python(
    *arguments: object,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    standard_input: str = "",
    timeout_s: int = 300,
    python: str = sys.executable,
) -> Ended:
    """`python ARGUMENTS` in a process of its own, with `environment` in addition to this process's."""
    done = subprocess.run(
        [python, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        input=standard_input,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def output_of(
    program: str, *arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """What a program, given as source text, prints in a process of its own that ends well."""
    done = run_python("-c", program, *arguments, cwd=cwd, environment=environment)
    assert done.code == 0, done.err
    return done.out
