"""The code that README.md and CONTRIBUTING.md show runs, and what they refer to is there."""

import re
from pathlib import Path

import pytest

from blocks.registry import BLOCKS

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")


def code_of(document: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("document", "index"), [(document, i) for document in DOCUMENTS for i in range(len(code_of(document)))]
)
def test_code_in_a_document_runs(document: str, index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the code registers is forgotten afterwards.
    monkeypatch.setattr(BLOCKS, "_makers", dict(BLOCKS._makers))
    exec(compile(code_of(document)[index], document, "exec"), {"folder": tmp_path, "__name__": "example"})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_links_are_there(document: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_shows_three_pieces_of_code_and_contributing_one() -> None:
    assert [len(code_of(document)) for document in DOCUMENTS] == [3, 1]
