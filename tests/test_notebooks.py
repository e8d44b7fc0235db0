"""The notebooks run on the committed records, and what they show in the repository is what they say today."""

from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="needs nbformat, of the notebooks extra")
nbclient = pytest.importorskip("nbclient", reason="needs nbclient, of the notebooks extra")

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
LIMIT_S = 60
"""For each notebook's slowest cell."""


def shown(notebook: Any) -> list[str]:
    """What each cell shows: its text, and what kind its pictures are of, whose bytes depend on the machine's fonts."""
    found = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        # What is printed arrives in as many pieces as it happens to be sent in.
        found.append("".join(output.text for output in outputs if output.get("name") == "stdout"))
        for output in outputs:
            assert output.output_type != "error"
            if output.output_type == "stream":
                continue
            if "image/png" in output.data:
                found.append("image/png")
            else:
                found.append(output.data["text/plain"])
    return found


@pytest.mark.slow
@pytest.mark.subprocess
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_shows_what_is_committed(name: str) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    committed = shown(notebook)
    assert any(committed)
    nbclient.NotebookClient(notebook, timeout=LIMIT_S, resources={"metadata": {"path": str(FOLDER)}}).execute()
    assert shown(notebook) == committed, f"run: jupyter execute --inplace notebooks/{name}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_measures_only_when_asked_to(name: str) -> None:
    first_code = next(cell for cell in nbformat.read(FOLDER / name, as_version=4).cells if cell.cell_type == "code")
    assert "MEASURE = False" in first_code.source
