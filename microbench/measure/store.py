"""Records on disk: JSON lines, appended whole, never lost, never measured twice."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from microbench.errors import InputError
from microbench.measure.jsonlines import LineFormat, encode_line, open_for_appending, parse_lines, read_lines
from microbench.measure.record import SCHEMA, Record, from_json, to_json

_RECORDS = LineFormat(
    file="records file",
    line="a record of this program",
    prefixes=tuple(b'{"schema":%d,"experiment":' % schema for schema in range(1, SCHEMA + 1)),
    parse=from_json,
    after_tear="the row is measured again",
)


class RecordStore:
    """The records file of one experiment on one machine, open for appending.

    Only one process may have it open: two that measure at the same time would spoil each other's numbers as well as
    the file. Use as a context manager.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, creating it and its folder.

        Raises:
            InputError: the file cannot be written, another process has it open, or it is not a records file.
        """
        self.path = path
        self._file, records = open_for_appending(path, _RECORDS)
        self._records = {record.key: record for record in records}

    def __enter__(self) -> RecordStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get(self, key: tuple[str, ...]) -> Optional[Record]:
        """The latest record with this key, or None."""
        return self._records.get(key)

    def append(self, record: Record) -> None:
        """Add a record; when this returns, the line is on disk.

        Raises:
            InputError: the disk refuses it, e.g. because it is full; what was there before stays readable.
        """
        self._file.append(to_json(record))
        self._records[record.key] = record

    def close(self) -> None:
        """Let other processes have the file."""
        self._file.close()


def read_records(path: Path) -> list[Record]:
    """All records of a file in the order of writing; a torn last line is dropped with a warning.

    Raises:
        InputError: the file cannot be read, or a line is not a record.
    """
    return read_lines(path, _RECORDS)


def parse_records(content: bytes, origin: str) -> list[Record]:
    """All records of a file's content in the order of writing; a torn last line is dropped with a warning.

    Args:
        content: of the file.
        origin: the name of the file, for messages.

    Raises:
        InputError: a line is not a record.
    """
    return parse_lines(content, origin, _RECORDS)


def line_of(record: Record) -> bytes:
    """The record as a line of a records file."""
    return encode_line(to_json(record))


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
