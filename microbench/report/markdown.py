"""Tables in Markdown, as GitHub reads them: every room that writes one writes it through here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_RULE = "---"


def markdown_table(headings: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    r"""A pipe table (GitHub Flavored Markdown, section 4.10), each line of it ended.

    Args:
        headings: of the columns.
        rows: cells in the order of the headings; `str` makes text of them.

    Raises:
        ValueError: a row has more or fewer cells than there are headings.

    >>> print(markdown_table(["name", "ms"], [["a|b", 1.5]]), end="")
    | name | ms |
    | --- | --- |
    | a\|b | 1.5 |
    """
    columns = len(headings)
    lines = [headings, [_RULE] * columns]
    for row in rows:
        if len(row) != columns:
            raise ValueError(f"A row has {len(row)} cells, and the table {columns} columns: {list(row)!r}.")
        lines.append(row)
    return "".join(f"| {' | '.join(_cell(value) for value in line)} |\n" for line in lines)


def _cell(value: object) -> str:
    """Escape what would end the cell or the line: pipes, the backslashes before them, and line breaks."""
    one_line = re.sub(r"\s*[\r\n]+\s*", " ", str(value)).strip()
    return re.sub(r"(\\*)\|", r"\1\1\\|", one_line)
