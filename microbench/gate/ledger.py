"""What the processes returned, on disk: one line of JSON each, whole or not at all, so that all can be judged anew."""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from microbench.errors import InputError

SCHEMA = 1
"""Raised when a line changes its meaning."""

Line = dict[str, Any]


class Ledger:
    """A file of processes. Lines of other gates may be in it, and are left alone."""

    def __init__(self, path: Path) -> None:
        """Read `path`, creating it and its folder if need be; a line torn by a kill is cut off with a warning.

        Raises:
            InputError: it cannot be read or written, or a line of it is not a process.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+b") as file:
                file.seek(0)
                *lines, torn = file.read().split(b"\n")
                if torn:
                    warnings.warn(f"gate file {str(path)!r}: dropped its torn last line", stacklevel=2)
                    file.truncate(sum(len(line) + 1 for line in lines))
        except OSError as error:
            raise InputError(f"gate file {str(path)!r} cannot be written: {error.strerror}.") from error
        self.lines = [_parsed(path, number, line) for number, line in enumerate(lines, start=1)]

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a process; when this returns it is on disk.

        Raises:
            InputError: the disk refuses it.
        """
        entry = {"schema": SCHEMA, **line}
        content = (json.dumps(entry, separators=(",", ":"), allow_nan=False) + "\n").encode()
        try:
            with self.path.open("ab", buffering=0) as file:
                if file.write(content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"gate file {str(self.path)!r} cannot be written: {error.strerror}.") from error
        self.lines.append(entry)

    def of_gate(self, gate: str) -> Iterator[Line]:
        """The processes of one gate, in the order of writing."""
        return (line for line in self.lines if line["gate"] == gate)

    def latest_gate(self, key: str) -> str | None:
        """The name of the latest gate of the same plan, or None."""
        return next((line["gate"] for line in reversed(self.lines) if line["key"] == key), None)


def _parsed(path: Path, number: int, content: bytes) -> Line:
    try:
        line: Line = json.loads(content)
        if line["schema"] != SCHEMA:
            raise ValueError(f"schema {line['schema']!r}")
        for field in ("gate", "key", "stage", "replicate", "position", "workloads"):
            line[field]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"gate file {str(path)!r}, line {number}, is not a process of this version; move the file away."
        ) from error
    return line
