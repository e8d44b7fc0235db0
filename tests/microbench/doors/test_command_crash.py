"""What a user sees of an error that nobody foresaw: one sentence, an exit code that is no result, and a log."""

import doctest
import errno
import os
import sys
from pathlib import Path

import pytest

from microbench import cli, crash


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The system's temporary folder, which is empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def crash_doctor(monkeypatch: pytest.MonkeyPatch, error: Exception) -> int:
    """`microbench doctor` whose work raises `error`; returns the exit code."""

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr("microbench.doctor.examine", fail)
    monkeypatch.setattr(sys, "argv", ["microbench", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("error", [ZeroDivisionError("division\nby zero"), OSError(errno.ENOSPC, "No space left")])
def test_a_crash_has_its_own_exit_code_one_sentence_and_a_log(
    error: Exception, temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crash_doctor(monkeypatch, error) == 70
    shown = capsys.readouterr()
    (log,) = temporary.iterdir()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert type(error).__name__ in shown.err
    assert str(log) in shown.err
    assert "Traceback (most recent call last)" in log.read_text()
    assert "['microbench', 'doctor']" in log.read_text()


def test_the_traceback_is_printed_if_the_user_sets_the_debug_variable(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROBENCH_DEBUG", "1")
    assert crash_doctor(monkeypatch, ZeroDivisionError()) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err
    assert list(temporary.iterdir()) == []


def test_without_room_for_a_log_the_sentence_says_so(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    temporary.rmdir()
    assert crash_doctor(monkeypatch, ZeroDivisionError()) == 70
    assert "no log could be written, MICROBENCH_DEBUG=1 shows the traceback" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="the system has no SIGTERM")
def test_a_termination_ends_a_command_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def be_terminated(**_: object) -> None:
        os.kill(os.getpid(), 15)

    monkeypatch.setattr("microbench.doctor.examine", be_terminated)
    monkeypatch.setattr(sys, "argv", ["microbench", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert "stopped" in capsys.readouterr().err


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(crash).failed == 0
