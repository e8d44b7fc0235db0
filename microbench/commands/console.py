"""What commands show on a terminal: progress bars and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error, if that is a terminal; standard output stays clean."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>8}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # Drawing wakes up while windows are timed, so it is done seldom.
    with Progress(
        *columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty(), auto_refresh=False
    ) as progress:
        task = progress.add_task("", total=1.0)

        def show(phase: str, share: float) -> None:
            progress.update(task, description=phase, completed=share, refresh=True)

        yield show


def print_table(title: str, table: pd.DataFrame) -> None:
    """Print a table, numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Text, as names may have brackets, which Rich would read as markup.
    shown = Table(title=Text(title, style="table.title"), box=box.SIMPLE, title_justify="left")
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
            "ceiling",
            "remarks",
            "name",
        )
        shown.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for row in table.astype(str).to_numpy().tolist():
        shown.add_row(*map(Text, row))
    # Piped into a file, a table as wide as it needs is better than one folded to 80 columns.
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
