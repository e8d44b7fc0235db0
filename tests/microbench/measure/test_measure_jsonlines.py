"""The store of JSON lines: no earlier line is ever lost, and no other program's file is ever changed."""

import doctest
import errno
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import output_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from microbench.errors import InputError
from microbench.measure import jsonlines
from microbench.measure.jsonlines import (
    JsonLinesAppender,
    LineFormat,
    encode_line,
    open_for_appending,
    parse_lines,
    read_lines,
)


def note_of(document: Any) -> str:
    """The text of a line, of which a `note` has nothing else."""
    if document["schema"] != 1:
        raise ValueError
    note = document["note"]
    if not isinstance(note, str):
        raise TypeError
    return note


NOTES = LineFormat(
    file="notes file",
    line="a note",
    prefixes=(b'{"schema":1,"note":',),
    parse=note_of,
    after_tear="write it again",
)


def document_of(note: str) -> dict[str, Any]:
    return {"schema": 1, "note": note}


def write(path: Path, *notes: str) -> None:
    appender, _ = open_for_appending(path, NOTES)
    with appender:
        for note in notes:
            appender.append(document_of(note))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "notes.jsonl"


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(jsonlines).failed == 0


def test_what_is_appended_is_read_back_in_order_and_found_on_opening(path: Path) -> None:
    write(path, "a", "b\nc")
    write(path, "ä")
    assert read_lines(path, NOTES) == ["a", "b\nc", "ä"]
    appender, found = open_for_appending(path, NOTES)
    appender.close()
    assert found == ["a", "b\nc", "ä"]


LINE = encode_line(document_of("torn"))


@pytest.mark.parametrize("written", range(1, len(LINE)))
def test_a_line_torn_anywhere_is_dropped_with_a_warning_and_cut_off_on_opening(path: Path, written: int) -> None:
    write(path, "a")
    with path.open("ab") as file:
        file.write(LINE[:written])
    with pytest.warns(UserWarning, match="notes file .* dropped its torn last line; write it again"):
        assert read_lines(path, NOTES) == ["a"]
    assert path.read_bytes().endswith(LINE[:written])  # reading changes nothing
    with pytest.warns(UserWarning, match="torn"):
        write(path, "b")
    assert path.read_bytes() == encode_line(document_of("a")) + encode_line(document_of("b"))


FOREIGN = [
    b"dear diary",
    b"line\nno line break at the end",
    b'{"name":"another program\'s"}\n{"name":"whose last line is to',
    b'{"schema":"https://json-schema.org/draft/2020-12/schema"}',
    b'{"schema":2,"note":"of a later version"}\n',
    b'{"schema":1,"note":7}\n',
    encode_line(document_of("a")) + b"and then something else",
    b"\x89PNG\r\n\x1a\n\x00\x00",
    bytes(range(256)) * 20,
    b"\x00",
    b"[" * 100_000 + b"\n",
    b"\n",
]


@pytest.mark.parametrize("content", FOREIGN)
def test_a_file_of_something_else_is_refused_and_left_byte_identical(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    before = path.stat().st_mtime_ns
    for use in (read_lines, open_for_appending):
        with pytest.raises(InputError, match=r"notes file .*, line \d+, is not a note; move the file away\.$"):
            use(path, NOTES)
    assert path.read_bytes() == content
    assert path.stat().st_mtime_ns == before


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_are_taken_for_lines_or_changed_unless_they_begin_as_ours_do(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "notes.jsonl"
        path.write_bytes(content)
        try:
            open_for_appending(path, NOTES)[0].close()
        except InputError:
            assert path.read_bytes() == content
        else:
            assert NOTES.could_be_torn(content)


@pytest.mark.subprocess
def test_two_writers_lock_each_other_out_with_one_sentence(path: Path) -> None:
    other = f"""
from pathlib import Path
from microbench.errors import InputError
from microbench.measure.jsonlines import LineFormat, open_for_appending
try:
    open_for_appending(Path({str(path)!r}), LineFormat("notes file", "a note", (b"{{",), lambda line: line, "again"))
except InputError as error:
    print(error)
else:
    print("opened")
"""

    def answer() -> str:
        return output_of(other).strip()

    appender, _ = open_for_appending(path, NOTES)
    with appender:
        appender.append(document_of("a"))
        assert answer() == f"notes file {str(path)!r} is being written by another run; wait for it."
        appender.append(document_of("b"))
    assert answer() == "opened"
    assert read_lines(path, NOTES) == ["a", "b"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_process_forked_meanwhile_does_not_keep_the_lock(path: Path) -> None:
    file, _ = open_for_appending(path, NOTES)
    waiting, go_on = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go_on)
        os.read(waiting, 1)  # until the parent has opened the file again
        os._exit(0)
    os.close(waiting)
    file.close()
    try:
        open_for_appending(path, NOTES)[0].close()
    finally:
        os.close(go_on)
        os.waitpid(child, 0)


def test_a_reader_is_not_locked_out(path: Path) -> None:
    appender, _ = open_for_appending(path, NOTES)
    with appender:
        appender.append(document_of("a"))
        assert read_lines(path, NOTES) == ["a"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_refuses_leaves_the_earlier_lines_and_takes_more_when_there_is_room(
    path: Path, code: int, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    appender, _ = open_for_appending(path, NOTES)
    with appender:
        appender.append(document_of("a"))
        with monkeypatch.context() as full:
            full.setattr(os, call, refuse)
            with pytest.raises(InputError, match=f"notes file .* cannot be written: {os.strerror(code)}"):
                appender.append(document_of("b"))
        assert read_lines(path, NOTES) == ["a"]
        appender.append(document_of("c"))
    assert read_lines(path, NOTES) == ["a", "c"]


@pytest.mark.subprocess
def test_a_limit_of_the_system_on_the_files_size_cuts_no_earlier_line(path: Path) -> None:
    """As a full disk does, it makes the write a short one."""
    pytest.importorskip("resource")
    write(path, "a")
    limit = path.stat().st_size + 10
    code = f"""
import resource, signal
from pathlib import Path
from microbench.errors import InputError
from microbench.measure.jsonlines import LineFormat, open_for_appending
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
file, _ = open_for_appending(Path({str(path)!r}), LineFormat("notes file", "a note", (b"{{",), lambda line: line, "-"))
try:
    file.append({{"schema": 1, "note": "b" * 100}})
except InputError as error:
    print(error)
"""
    assert "cannot be written" in output_of(code)
    assert path.read_bytes() == encode_line(document_of("a"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize(("use", "verb"), [(read_lines, "read"), (open_for_appending, "written")])
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path, use: Callable[..., object], verb: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=f"cannot be {verb}: it is not a regular file"):
        use(tmp_path / "pipe", NOTES)


def test_a_number_that_json_does_not_have_is_never_written(path: Path) -> None:
    appender, _ = open_for_appending(path, NOTES)
    with appender, pytest.raises(ValueError, match="JSON"):
        appender.append({"schema": 1, "note": float("nan")})
    assert path.read_bytes() == b""


class Store(RuleBasedStateMachine):
    """Any sequence of appends, tears, full disks, reopenings and second writers leaves what was appended, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "notes.jsonl"
        self.notes: list[str] = []
        self.appender: JsonLinesAppender | None = None
        self.torn = False

    @precondition(lambda self: self.appender is None)
    @rule()
    def reopen(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.appender, found = open_for_appending(self.path, NOTES)
        assert found == self.notes
        assert bool(caught) == self.torn
        self.torn = False

    @precondition(lambda self: self.appender is not None)
    @rule(note=st.text())
    def append(self, note: str) -> None:
        assert self.appender is not None
        self.appender.append(document_of(note))
        self.notes.append(note)

    @precondition(lambda self: self.appender is not None)
    @rule(note=st.text(), written=st.integers(0, 18))
    def append_to_a_full_disk(self, note: str, written: int) -> None:
        assert self.appender is not None
        whole_write = os.write
        with pytest.MonkeyPatch.context() as full:
            full.setattr(os, "write", lambda descriptor, data: whole_write(descriptor, data[:written]))
            with pytest.raises(InputError, match="No space left"):
                self.appender.append(document_of(note))

    @precondition(lambda self: self.appender is not None)
    @rule()
    def second_writer(self) -> None:
        with pytest.raises(InputError, match="being written by another run"):
            open_for_appending(self.path, NOTES)

    @precondition(lambda self: self.appender is not None)
    @rule(note=st.text(), share=st.floats(0, 1))
    def kill_while_writing(self, note: str, share: float) -> None:
        assert self.appender is not None
        line = encode_line(document_of(note))
        torn = line[: int(share * (len(line) - 1))]
        self.appender.close()
        self.appender = None
        with self.path.open("ab") as file:
            file.write(torn)
        self.torn = bool(torn)

    @precondition(lambda self: self.appender is not None)
    @rule()
    def close(self) -> None:
        assert self.appender is not None
        self.appender.close()
        self.appender = None

    @invariant()
    def every_appended_line_is_read(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = self.path.read_bytes() if self.path.exists() else b""
            assert parse_lines(content, "notes", NOTES) == self.notes

    def teardown(self) -> None:
        if self.appender is not None:
            self.appender.close()
        self.folder.cleanup()


TestStore = Store.TestCase
TestStore.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
