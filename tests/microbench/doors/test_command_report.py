"""`microbench report` on the committed records: what it says, what it misses, and that what is committed follows."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, call_microbench

from microbench import studies
from microbench.experiments import EXPERIMENTS
from microbench.studies.recorded import read_recorded

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "results"
MACHINE = "xeon-2-cores"
LARGEST_BYTES = 2_500_000
"""With the map's forty panels."""


def report(results: Path, *options: str) -> Ended:
    return call_microbench("report", "--results", results, *options)


def data_of(path: Path) -> dict[str, Any]:
    """The numbers that a report shows."""
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"))
    document: dict[str, Any] = json.loads(data)
    return document


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all results, with the report of the machine written anew."""
    folder = tmp_path_factory.mktemp("copy") / "results"
    shutil.copytree(COMMITTED, folder)
    done = report(folder, "--machine", MACHINE)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def copied(results: Path, tmp_path: Path) -> Path:
    """The records of the machine alone, to take some away."""
    shutil.copytree(
        results / MACHINE,
        tmp_path / "results" / MACHINE,
        ignore=lambda _, names: [n for n in names if not n.endswith(".jsonl")],
    )
    return tmp_path / "results"


def test_the_committed_report_is_what_the_committed_records_say(results: Path) -> None:
    committed, written = COMMITTED / MACHINE / "report.html", results / MACHINE / "report.html"
    assert data_of(committed) == data_of(written), f"run: microbench report --machine {MACHINE}"


@pytest.mark.parametrize("name", ["figure4", "figure5", "table4", "roofline"])
def test_the_committed_figures_are_drawn_from_the_committed_records(results: Path, name: str) -> None:
    assert _shapes(COMMITTED / MACHINE / f"{name}.svg") == _shapes(results / MACHINE / f"{name}.svg")
    assert (COMMITTED / MACHINE / f"{name}.png").is_file()


def _shapes(figure: Path) -> list[str]:
    """What is drawn where, to a hundredth of a point; identifiers are matplotlib's own."""
    return [
        re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.2f}", path)
        for path in re.findall(r' d="([^"]+)"', figure.read_text("utf-8"))
    ]


def test_the_committed_tables_are_those_that_the_report_shows(results: Path) -> None:
    sections = data_of(results / MACHINE / "report.html")["machines"][0]["sections"]
    tables = {name: section for name, section in sections.items() if name != "roofline"}  # which is a figure alone
    assert len(tables) > 5
    for name, section in tables.items():
        lines = (COMMITTED / MACHINE / f"{name}.md").read_text("utf-8").splitlines()
        shown = [section["columns"], ["---"] * len(section["columns"]), *section["rows"]]
        assert lines == [f"| {' | '.join(cells)} |" for cells in shown], (
            f"run: microbench show {name} --machine {MACHINE}"
        )


def test_the_report_is_small_and_its_first_screen_says_what_to_use(results: Path) -> None:
    path = results / MACHINE / "report.html"
    assert path.stat().st_size < LARGEST_BYTES
    (heading,) = re.findall(r"<h1>(.*?)</h1>", path.read_text("utf-8"), flags=re.DOTALL)
    text = " ".join(re.sub(r"<[^>]+>", "", heading).split())
    expected = (
        "3x3 Conv (most efficient of the 7 so far, not decided; accuracy open); widths 16, 64, 32, 48, 12; "
        "Bilateral-B (fastest of the 6 so far, not decided; accuracy open)."
    )
    assert text == f"On {MACHINE}, in onnxruntime fp32: {expected}"


def test_networks_trained_once_are_told_with_the_command_that_trains_them_again(results: Path) -> None:
    (machine,) = data_of(results / MACHINE / "report.html")["machines"]
    block, _, interaction = machine["verdicts"]["onnxruntime fp32"]
    for verdict, table in ((block, "table2"), (interaction, "table3")):
        loads, missing = verdict["missing"]
        assert loads["what"] == f"6 loads of each model of Table {table[-1]}"
        assert "the spread between trainings" in missing["what"]
        assert missing["command"].startswith(f"microbench run {table} --train camvid_table_cpu --data CAMVID")
        assert missing["command"].endswith("--seed 0 --seed 1")


def test_every_row_behind_a_verdict_is_a_record(results: Path) -> None:
    records = {
        (record["experiment"], record["name"], record["run"])
        for path in (COMMITTED / MACHINE).glob("*.jsonl")
        for record in map(json.loads, path.read_text("utf-8").splitlines())
    }
    (machine,) = data_of(results / MACHINE / "report.html")["machines"]
    rows = {
        (row["experiment"], row["name"], row["run"])
        for verdicts in machine["verdicts"].values()
        for verdict in verdicts
        for claim in verdict["claims"]
        for row in claim["rows"]
    }
    assert len(rows) > 40
    assert rows <= records


@pytest.mark.parametrize("names", [["figure4"], ["figure5", "table2", "table3", "table4"]])
def test_an_experiment_without_records_is_named_with_the_command_that_measures_it(
    copied: Path, names: list[str]
) -> None:
    for name in names:
        (copied / MACHINE / f"{name}.jsonl").unlink()
    done = report(copied, "--machine", MACHINE)
    assert done.code == 0, done.err
    for name in names:
        command = f"microbench run {name} --machine {MACHINE}"
        assert command in " ".join(done.out.split())
        assert f">{command}</code>" in (copied / MACHINE / "report.html").read_text("utf-8")


def test_without_ceilings_there_is_no_roofline(copied: Path) -> None:
    (copied / MACHINE / "ceilings.jsonl").unlink()
    assert report(copied, "--machine", MACHINE).code == 0
    sections = data_of(copied / MACHINE / "report.html")["machines"][0]["sections"]
    assert "roofline" not in sections
    assert sections["ceilings"]["missing"]["command"] == f"microbench run ceilings --machine {MACHINE}"


def test_json_holds_verdicts_and_tables(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "there.html"
    done = report(results, "--machine", MACHINE, "--machine", "xeon-2-cores-again", "--json", "--out", str(out))
    document = json.loads(done.out)
    assert document["report"] == str(out)
    assert [machine["name"] for machine in document["machines"]] == [MACHINE, "xeon-2-cores-again"]
    verdicts = document["machines"][1]["verdicts"]["onnxruntime fp32"]
    assert [(verdict["principle"], verdict["judgement"]) for verdict in verdicts][:2] == [
        ("block", "undecided"),  # as its networks were trained once
        ("widths", "holds"),
    ]
    assert data_of(out)["machines"] == document["machines"]


def test_run_all_ends_with_the_report(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured is stood in for by what is recorded."""
    names = [name for name in EXPERIMENTS.names if EXPERIMENTS.make(name).in_all]
    found = read_recorded(names, copied / MACHINE).records
    monkeypatch.setattr(studies.run, "run_experiments", lambda *_: found)
    done = call_microbench("run", "all", "--results", copied, "--machine", MACHINE)
    assert done.code == 0, done.err
    assert f"Report: {copied / MACHINE / 'report.html'}" in done.out
    assert set(data_of(copied / MACHINE / "report.html")["machines"][0]["sections"]) == {*names, "roofline"}


def test_bad_input_is_one_sentence(results: Path, tmp_path: Path) -> None:
    nowhere = report(results, "--machine", "nowhere")
    assert nowhere.code == 2
    assert re.fullmatch(
        r"microbench: machine 'nowhere' has no records in .*microbench run all --machine nowhere.*\n", nowhere.err
    )
    refused = report(results, "--machine", MACHINE, "--out", str(tmp_path / "no" / "folder.html"))
    assert refused.code == 2
    assert re.fullmatch(r"microbench: out .* cannot be written: .*\n", refused.err)
