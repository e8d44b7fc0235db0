"""Records on disk: JSON lines, appended whole, never lost, never measured twice."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import json
import os
import warnings
from pathlib import Path
from typing import Any, Optional

from microbench.errors import InputError
from microbench.measure.record import Record, from_json, to_json

fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None  # not on Windows

_LINE_START = b'{"schema":'


class RecordStore:
    """The records file of one experiment on one machine, open for appending.

    Only one process may have it open: two that measure at the same time would spoil each other's numbers as well as
    the file. Use as a context manager.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, creating it and its folder.

        Raises:
            InputError: the folder cannot be written, another process has the file open, or it is not a records file.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise InputError(f"results folder {str(path.parent)!r} cannot be written: {error.strerror}.") from error
        try:
            self._lock()
            self._records = {record.key: record for record in read_records(path)}
            self._cut_torn_line()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"records file {str(self.path)!r} is being written by another run; wait for it."
            ) from error

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        self._file.truncate(content.rfind(b"\n") + 1)

    def get(self, key: tuple[str, ...]) -> Optional[Record]:
        """The latest record with this key, or None."""
        return self._records.get(key)

    def append(self, record: Record) -> None:
        """Add a record; when this returns, the line is on disk.

        Raises:
            InputError: the disk refuses it, e.g. because it is full; what was there before stays readable.
        """
        line = line_of(record)
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        try:
            # One write of one line: a kill leaves it whole, absent, or torn at the end of the file.
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError as error:
            os.ftruncate(descriptor, size)
            raise InputError(f"records file {str(self.path)!r} cannot be written: {error.strerror}.") from error
        self._records[record.key] = record

    def close(self) -> None:
        """Let other processes have the file."""
        self._file.close()


def read_records(path: Path) -> list[Record]:
    """All records of a file in the order of writing; a torn last line is dropped with a warning.

    Raises:
        InputError: the file cannot be read, or a line is not a record.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"records file {str(path)!r} cannot be read: {error.strerror}.") from error
    return parse_records(content, str(path))


def parse_records(content: bytes, origin: str) -> list[Record]:
    """All records of a file's content in the order of writing; a torn last line is dropped with a warning.

    Args:
        content: of the file.
        origin: the name of the file, for what is said of it.

    Raises:
        InputError: a line is not a record.
    """
    *lines, torn = content.split(b"\n")
    if torn and not (torn.startswith(_LINE_START) or _LINE_START.startswith(torn)):
        lines.append(torn)  # a file that another program wrote, not a line that a kill tore
    elif torn:
        warnings.warn(f"records file {origin!r}: dropped its torn last line; the row is measured again", stacklevel=3)
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(from_json(json.loads(line)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"records file {origin!r}, line {number}, is not a record of this program; move the file away."
            ) from error
    return records


def line_of(record: Record) -> bytes:
    """The record as a line of a records file."""
    return (json.dumps(to_json(record), separators=(",", ":"), allow_nan=False) + "\n").encode()


def latest(records: list[Record]) -> list[Record]:
    """One record for each key, the one written last, in the order of the keys' first appearance."""
    by_key: dict[tuple[str, ...], Record] = {}
    for record in records:
        by_key[record.key] = record
    return list(by_key.values())


def machine_folder(results: Path, machine: str) -> Path:
    """The folder of `machine` in the folder of all results.

    Raises:
        InputError: the name cannot be a folder's, or is the one that the published values lie in.
    """
    if not machine or machine == "paper" or any(character in machine for character in "/\\\0") or machine[0] == ".":
        raise InputError(f"machine {machine!r} cannot name a folder; use letters, digits, '-', '_' and '.'.")
    return results / machine
