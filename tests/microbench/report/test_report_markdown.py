"""Markdown tables: what a cell holds never becomes another cell, or another line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microbench.report.markdown import markdown_table


def cells_of(line: str) -> list[str]:
    """As GitHub splits a line: at the pipes that an even number of backslashes precedes; then it drops the escapes."""
    cells = [cell.strip() for cell in re.findall(r"((?:\\.|[^|\\]|\\$)*)\|", line.strip().removeprefix("|"))]
    return [re.sub(r"\\([\\|])", r"\1", cell) for cell in cells]


@pytest.mark.parametrize("text", ["a|b", "|", "a||b", r"a\|b", "no pipe", "", "RuntimeError: a\n  in b|c"])
def test_a_cell_is_read_back_as_it_was_written(text: str) -> None:
    lines = markdown_table(["heading", "ms"], [[text, "1"]]).splitlines()
    assert len(lines) == 3
    assert cells_of(lines[2]) == [re.sub(r"\s*\n\s*", " ", text), "1"]


@given(st.lists(st.text(alphabet="ab|\\\n "), min_size=2, max_size=2))
def test_no_text_changes_the_number_of_cells(texts: list[str]) -> None:
    lines = markdown_table(["x", "y"], [texts]).splitlines()
    assert len(lines) == 3
    assert len(cells_of(lines[2])) == 2


def test_headings_are_escaped_too() -> None:
    assert markdown_table(["|x|"], []).splitlines() == [r"| \|x\| |", "| --- |"]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells, and the table 2 columns"):
        markdown_table(["x", "y"], [["1"]])
