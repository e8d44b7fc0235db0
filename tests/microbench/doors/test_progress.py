"""Progress where output is no terminal, as in `make reproduce > log`: lines, with an estimate of what is left."""

import doctest
import time
from collections.abc import Callable

import pytest

from microbench.commands import console
from microbench.commands.console import ProgressLines, duration_text, progress_bar


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def progress(clock: Clock, lines: list[str]) -> ProgressLines:
    return ProgressLines(lines.append, clock)


def test_a_line_says_what_is_done_and_how_long_the_rest_will_take(
    progress: ProgressLines, clock: Clock, lines: list[str]
) -> None:
    progress.update("blocks: timing", 0.0)
    clock.now_s = 60.0
    progress.update("blocks: timing", 0.25)
    progress.write()
    # A quarter took a minute, so the rest takes three.
    assert lines == ["blocks: timing: 25% done after 60 s, about 3 min left"]


def test_the_estimate_falls_while_nothing_is_reported(progress: ProgressLines, clock: Clock, lines: list[str]) -> None:
    progress.update("timing", 0.0)
    clock.now_s = 100.0
    progress.update("timing", 0.5)
    for now_s in (110.0, 190.0, 210.0):
        clock.now_s = now_s
        progress.write()
    assert [line.rpartition(", ")[2] for line in lines] == ["about 90 s left", "about 10 s left", "nearly done"]


def test_nothing_is_estimated_from_nothing(progress: ProgressLines, clock: Clock, lines: list[str]) -> None:
    progress.update("building", 0.0)
    clock.now_s = 10.0
    progress.write()
    assert lines == ["building: 0% done after 10 s"]


def test_another_phase_is_estimated_from_its_own_time(progress: ProgressLines, clock: Clock, lines: list[str]) -> None:
    progress.update("building", 0.0)
    clock.now_s = 1000.0
    progress.update("timing", 0.0)
    clock.now_s = 1030.0
    progress.update("timing", 0.5)
    progress.write()
    assert lines == ["timing: 50% done after 30 s, about 30 s left"]


def test_before_anything_is_reported_nothing_is_written(progress: ProgressLines, lines: list[str]) -> None:
    progress.write()
    assert lines == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (119.4, "119 s"), (150.0, "2 min"), (3599.0, "1 h 0 min"), (7500.0, "2 h 5 min")],
)
def test_durations_are_no_finer_than_people_need(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def wait_for(is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_there() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_step_without_any_report_is_seen_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard error is no terminal here."""
    monkeypatch.setattr(console, "_LINE_EVERY_S", 0.01)
    printed = ""

    def is_printed() -> bool:
        nonlocal printed
        printed += capsys.readouterr().err
        return printed.count("\n") >= 2

    with progress_bar(quiet=False) as on_progress:
        on_progress("whole networks: building", 0.0)
        wait_for(is_printed)
    assert printed.startswith("microbench: whole networks: building: 0% done after 0 s\n")


def test_where_one_json_object_is_wanted_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "_LINE_EVERY_S", 0.001)
    with progress_bar(quiet=True) as on_progress:
        on_progress("timing", 0.5)
        time.sleep(0.05)
    assert capsys.readouterr() == ("", "")


def test_the_examples_in_the_docstrings_hold() -> None:
    found = doctest.testmod(console)
    assert found.attempted > 0
    assert found.failed == 0
