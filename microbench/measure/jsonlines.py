"""Files of JSON lines: appended whole and synced to disk by one process at a time, and read although a line is torn."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Generic, Mapping, TypeVar

from microbench.errors import InputError

fcntl: Any = importlib.import_module("fcntl") if importlib.util.find_spec("fcntl") else None  # not on Windows

T = TypeVar("T")

_HELD_BY_ANOTHER = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK)


class DamagedLineError(ValueError):
    """A line of the format with a wrong value, which the message names: it is left out, and the others are read."""


class NewerLineError(ValueError):
    """A line that a later version of this program wrote, as the message says."""


@dataclass(frozen=True)
class LineFormat(Generic[T]):
    """What the lines of one kind of file hold, and how messages name the file and its lines."""

    file: str
    """E.g. "records file"."""
    line: str
    """E.g. "a record of this program"."""
    prefixes: tuple[bytes, ...]
    """Every line begins with one of these, which tells a torn line of ours from the text of another program."""
    parse: Callable[[Any], T]
    """From a line's JSON value; raises `DamagedLineError` if it is one with a wrong value, `NewerLineError` if it is of
    a later version, and any KeyError, TypeError, ValueError or AttributeError if it is no such line."""
    after_tear: str
    """What follows from a lost last line, e.g. "the row is measured again"."""

    def could_be_torn(self, tail: bytes) -> bool:
        """Whether `tail`, which no line break follows, may be the beginning of a line of this format."""
        return any(tail.startswith(prefix) or prefix.startswith(tail) for prefix in self.prefixes)


def encode_line(document: Mapping[str, Any]) -> bytes:
    r"""A JSON object as one line.

    >>> encode_line({"schema": 1, "name": "a\nb"})
    b'{"schema":1,"name":"a\\nb"}\n'

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not have.
    """
    return (json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n").encode()


def parse_lines(content: bytes, origin: str, line_format: LineFormat[T]) -> list[T]:
    """All entries of a file's content in the order of writing.

    A torn last line, and lines with a wrong value, are left out with one warning each sort.

    Args:
        content: of the file.
        origin: the name of the file, for messages.
        line_format: of its lines.

    Raises:
        InputError: a line is not of this format, or of a later version's.
    """
    *lines, tail = content.split(b"\n")
    if tail and not line_format.could_be_torn(tail):
        lines.append(tail)  # refused below: another program wrote it, no kill tore it
    elif tail:
        warnings.warn(
            f"{line_format.file} {origin!r}: dropped its torn last line; {line_format.after_tear}", stacklevel=3
        )
    entries, damaged = [], []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(line_format.parse(json.loads(line)))
        except DamagedLineError as error:
            damaged.append(f"line {number}: {error}")
        except NewerLineError as error:
            raise InputError(f"{line_format.file} {origin!r}, line {number}: {error}; update this program.") from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{line_format.file} {origin!r}, line {number}, is not {line_format.line}; move the file away."
            ) from error
    if damaged:
        count = "a damaged line" if len(damaged) == 1 else f"{len(damaged)} damaged lines"
        warnings.warn(f"{line_format.file} {origin!r}: left out {count}; {damaged[0]}", stacklevel=3)
    return entries


def read_lines(path: Path, line_format: LineFormat[T]) -> list[T]:
    """All entries of a file in the order of writing; a torn last line is dropped with a warning.

    Raises:
        InputError: the file cannot be read, or a line is not of this format.
    """
    try:
        _require_regular(path)
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{line_format.file} {str(path)!r} cannot be read: {error.strerror}.") from error
    return parse_lines(content, str(path), line_format)


class JsonLinesAppender:
    """A file of JSON lines that this process alone may append to. Use as a context manager."""

    def __init__(self, path: Path, file: BinaryIO, name: str) -> None:
        """Made by `open_for_appending`."""
        self.path = path
        self._file = file
        self._name = name

    def __enter__(self) -> JsonLinesAppender:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def append(self, document: Mapping[str, Any]) -> None:
        """Add a line; when this returns, it is on disk.

        Raises:
            InputError: the disk refuses it, e.g. because it is full; all earlier lines stay readable.
        """
        line = encode_line(document)
        descriptor = self._file.fileno()
        size = os.fstat(descriptor).st_size
        try:
            # One write of one line: a kill leaves it whole, absent, or torn at the end of the file.
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError as error:
            self._restore(size)
            raise InputError(f"{self._name} {str(self.path)!r} cannot be written: {error.strerror}.") from error

    def _restore(self, size: int) -> None:
        try:
            os.ftruncate(self._file.fileno(), size)
        except OSError:
            # The torn line is repaired when the file is opened again; nothing may be written behind it.
            self.close()

    def close(self) -> None:
        """Let other processes append."""
        if fcntl is not None and not self._file.closed:
            # A process that was forked meanwhile has the file open as well, and would keep the lock.
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._file.close()


def open_for_appending(path: Path, line_format: LineFormat[T]) -> tuple[JsonLinesAppender, list[T]]:
    """Open `path`, creating it and its folder, for this process alone; a torn last line is cut off with a warning.

    Nothing is changed before the whole content is known to be of this format.

    Returns:
        The file, and the entries that it holds in the order of writing.

    Raises:
        InputError: the file cannot be written, another process is writing it, or it is not of this format.
    """
    try:
        _require_regular(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        file: BinaryIO = path.open("a+b", buffering=0)
    except OSError as error:
        raise InputError(f"{line_format.file} {str(path)!r} cannot be written: {error.strerror}.") from error
    try:
        _lock(file, path, line_format.file)
        file.seek(0)
        content = file.read()
        entries = parse_lines(content, str(path), line_format)
        file.truncate(content.rfind(b"\n") + 1)
    except BaseException:
        file.close()
        raise
    return JsonLinesAppender(path, file, line_format.file), entries


def _require_regular(path: Path) -> None:
    """Opening a named pipe would wait for its other end, and a device is no place for lines."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file")


def _lock(file: BinaryIO, path: Path, name: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD_BY_ANOTHER:
            raise InputError(f"{name} {str(path)!r} is being written by another run; wait for it.") from error
        raise InputError(f"{name} {str(path)!r} cannot be locked: {error.strerror}.") from error
