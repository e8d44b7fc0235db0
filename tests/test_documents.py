"""The code that README.md and CONTRIBUTING.md show runs, and what they refer to is there."""

import json
import re
from pathlib import Path

import pytest

from blocks.registry import BLOCKS
from microbench.experiments import EXPERIMENTS
from microbench.measure.record import Record
from microbench.measure.store import latest, read_records
from microbench.report.accuracy import accuracy_sentence, read_accuracies
from microbench.report.comparison.ratios import compare_records
from microbench.report.comparison.selection import read_selections

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "results" / "xeon-2-cores"
MEASURED_AGAIN = ROOT / "results" / "xeon-2-cores-again"
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


def records_of(folder: Path, experiment: str) -> list[Record]:
    return latest(read_records(folder / f"{experiment}.jsonl"))


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the committed records say, in the words of the command."""
    folder = tmp_path_factory.mktemp("figures")
    ceilings = records_of(MEASURED, "ceilings")
    experiments = [EXPERIMENTS.make(name) for name in EXPERIMENTS.names]
    return [
        finding
        for experiment in experiments
        if experiment.in_all
        for finding in experiment.present(records_of(MEASURED, experiment.name), ceilings, folder).findings
    ]


def test_every_finding_that_the_readme_quotes_follows_from_the_committed_records(findings: list[str]) -> None:
    (quoted,) = re.findall(r"```findings\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert quoted
    assert [line for line in quoted.splitlines() if line.removeprefix("- ") not in findings] == []


def test_the_agreement_of_two_runs_that_the_readme_quotes_follows_from_the_committed_records() -> None:
    (quoted,) = re.findall(r"```agreement\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    for name in ("figure4", "figure5"):
        sets = read_selections([str(folder / f"{name}.jsonl") for folder in (MEASURED, MEASURED_AGAIN)])
        assert compare_records(sets).summary().split(". ")[0].rstrip(".") in quoted


def test_the_accuracy_that_the_readme_quotes_follows_from_the_committed_results() -> None:
    (quoted,) = re.findall(r"```accuracy\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    accuracy = read_accuracies(ROOT / "results", "lpsnet", ["s"])["s"]
    assert f"LPS-Net-S: {accuracy_sentence([accuracy])}" in quoted.splitlines()


def test_the_speed_of_training_that_the_readme_quotes_follows_from_the_committed_benchmark() -> None:
    (quoted,) = re.findall(r"```pipeline\n(.*?)\n```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (benchmark,) = json.loads((MEASURED / "training_loop.json").read_text())["benchmarks"]
    told = benchmark["extra_info"]
    assert quoted == (
        f"Training loop of camvid_cpu: {told['images_per_s']:.1f} images/s, {told['pipeline_share']:.0%} of the time "
        f"in the input pipeline; a bare loop over tensors that lie ready: {told['bare_images_per_s']:.1f} images/s"
    )


def test_the_readme_shows_three_pieces_of_code_and_contributing_one() -> None:
    assert [len(code_of(document)) for document in DOCUMENTS] == [3, 1]
