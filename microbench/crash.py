"""What a command does with an error that nobody foresaw: an exit code of its own, one sentence, and a log."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Optional

import microbench
from microbench.errors import EXIT_CRASHED

DEBUG = "MICROBENCH_DEBUG"
"""Where this environment variable is set, the traceback is printed instead of kept in a log."""

_LONGEST_SUMMARY = 200


def report_crash(program: str, error: BaseException) -> int:
    """Print one sentence about `error` on standard error, and keep its traceback in a log.

    Args:
        program: the name that the sentence begins with.
        error: that was caught, with its traceback.

    Returns:
        The exit code.
    """
    if os.environ.get(DEBUG):
        traceback.print_exception(type(error), error, error.__traceback__)
        return EXIT_CRASHED
    log = _write_log(program, error)
    where = f"the log is {str(log)!r}" if log else f"no log could be written, {DEBUG}=1 shows the traceback"
    print(f"{program}: this is a fault of the program ({_summary(error)}); {where}.", file=sys.stderr)
    return EXIT_CRASHED


def _summary(error: BaseException) -> str:
    r"""Kind and message in one line.

    >>> _summary(ValueError("first\nsecond"))
    'ValueError: first second'
    """
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
    return text if len(text) <= _LONGEST_SUMMARY else text[: _LONGEST_SUMMARY - 3] + "..."


def _write_log(program: str, error: BaseException) -> Optional[Path]:
    lines = [
        f"{program} {microbench.__version__}, Python {platform.python_version()}, {platform.platform()}\n",
        f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {sys.argv}\n\n",
        *traceback.format_exception(type(error), error, error.__traceback__),
    ]
    try:
        # Unlike a name of our own making, this follows no link that another user left there.
        descriptor, name = tempfile.mkstemp(prefix="microbench-crash-", suffix=".log")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
    except OSError:
        return None
    return Path(name)
