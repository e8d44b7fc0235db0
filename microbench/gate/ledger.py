"""What the gate's processes measured, on disk: a line of JSON each, so that a gate can be resumed and decided again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from microbench.gate.ledger_line import SCHEMA, ProcessLine, process_line
from microbench.measure.jsonlines import LineFormat, open_for_appending, read_lines

_PROCESSES = LineFormat(
    file="gate file",
    line="a process of this version of the gate",
    prefixes=(b'{"schema":%d,"gate":' % SCHEMA,),
    parse=process_line,
    after_tear="that process is run again",
)


class Ledger:
    """A file of processes, open for appending. Other gates' lines may be in it too. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Open `path`, creating it and its folder.

        Raises:
            InputError: the file cannot be written, another gate has it open, or a line of it is not a process.
        """
        self.path = path
        self._file, self.lines = open_for_appending(path, _PROCESSES)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a process; when this returns, it is on disk.

        Raises:
            InputError: the disk refuses it, e.g. because it is full; all earlier lines stay readable.
        """
        entry = {"schema": SCHEMA, **line}
        self._file.append(entry)
        self.lines.append(entry)

    def of_gate(self, name: str) -> Iterator[ProcessLine]:
        """The processes of one gate, in the order of writing."""
        return (line for line in self.lines if line["gate"] == name)

    def latest_gate(self, key: str) -> str | None:
        """The name of the latest gate with this key (see `GatePlan.key`), or None."""
        return next((line["gate"] for line in reversed(self.lines) if line["key"] == key), None)


def read_ledger(path: Path) -> list[ProcessLine]:
    """All processes of a file in the order of writing; a torn last line is dropped with a warning.

    Raises:
        InputError: the file cannot be read, or a line is not a process.
    """
    return read_lines(path, _PROCESSES)
