"""What commands print: progress and tables."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd


OnProgress = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done, 0 to 1."""

_LINE_EVERY_S = 10.0


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[OnProgress]:
    """Show progress on standard error: as a bar on a terminal, else as a line every ten seconds."""
    if quiet:
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bar() as on_progress:
            yield on_progress
    else:
        with _lines() as on_progress:
            yield on_progress


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>8}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # Drawing wakes up while windows are timed, so it is done seldom.
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        task = progress.add_task("", total=1.0)

        def show(phase: str, share: float) -> None:
            progress.update(task, description=phase, completed=share, refresh=True)

        yield show


@contextmanager
def _lines() -> Iterator[OnProgress]:
    # A thread, as a single step (the build of a TensorRT engine) may take minutes. One wake-up in ten seconds does not
    # disturb what is timed meanwhile.
    lines = ProgressLines(lambda line: click.echo(f"microbench: {line}", err=True), time.monotonic)
    ended = threading.Event()

    def write_regularly() -> None:
        while not ended.wait(_LINE_EVERY_S):
            lines.write()

    thread = threading.Thread(target=write_regularly, name="progress", daemon=True)
    thread.start()
    try:
        yield lines.update
    finally:
        ended.set()
        thread.join()


class ProgressLines:
    """Progress as lines of a log, with an estimate of the time that remains.

    >>> clock = iter([0.0, 30.0, 40.0]).__next__
    >>> lines = ProgressLines(print, clock)
    >>> lines.update("timing", 0.0)
    >>> lines.update("timing", 0.25)
    >>> lines.write()
    timing: 25% done after 40 s, about 80 s left
    """

    def __init__(self, write_line: Callable[[str], None], clock: Callable[[], float]) -> None:
        """Say where lines go.

        Args:
            write_line: called with each line.
            clock: seconds from any moment on.
        """
        self._write_line = write_line
        self._clock = clock
        self._phase = ""
        self._share = 0.0
        self._began_s = self._updated_s = 0.0

    def update(self, phase: str, share: float) -> None:
        """Note what is being done, and the share of it that is done, 0 to 1."""
        now = self._clock()
        if phase != self._phase:
            self._phase, self._began_s = phase, now
        self._share, self._updated_s = share, now

    def write(self) -> None:
        """Write a line, once there is anything to report."""
        if not self._phase:
            return
        now = self._clock()
        left = ""
        if 0 < self._share < 1:
            # What went by since the last update is part of what was left then.
            left_s = (self._updated_s - self._began_s) * (1 / self._share - 1) - (now - self._updated_s)
            left = f", about {duration_text(left_s)} left" if left_s > 0 else ", nearly done"
        self._write_line(f"{self._phase}: {self._share:.0%} done after {duration_text(now - self._began_s)}{left}")


def duration_text(seconds: float) -> str:
    """A duration for people, no finer than they need.

    >>> duration_text(95), duration_text(400), duration_text(4000)
    ('95 s', '7 min', '1 h 7 min')
    """
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print a table, numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text, as names may have brackets, which Rich would read as markup.
    printed = Table(title=Text(title, style="table.title"), box=box.SIMPLE, title_justify="left")
    for column in table.columns:
        numeric = column not in (
            "block",
            "class",
            "workload",
            "verdict",
            "reason",
            "what differs",
            "runtime",
            "precision",
            "device",
            "timing",
            "l2",
            "cache",
            "ceiling",
            "remarks",
            "name",
        )
        printed.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for row in table.astype(str).to_numpy().tolist():
        printed.add_row(*map(Text, row))
    # Piped into a file, a table as wide as it needs is better than one folded to 80 columns.
    Console(width=None if sys.stdout.isatty() else 160).print(printed)
