"""What a user of `microbench run map`, and of `compare` on two maps, sees."""

import dataclasses
import json
from pathlib import Path

import pytest
from commands import call_microbench
from simulated_map import simulate_map

from microbench.measure.record import Record
from microbench.measure.store import RecordStore
from microbench.report.break_even.cell import Shape

TINY = [
    "--runtime", "onnxruntime", "--precision", "fp32", "--threads", "1", "--block", "sepconv3x3", "--width", "8,16",
    "--resolution", "8", "--resolution", "16", "--budget", "0.01", "--ci", "0.5",
]  # fmt: skip
SHAPES = [Shape(channels, 16, 16) for channels in (8, 16, 32, 64)]


def record_map(folder: Path, ratios: dict[int, float], host: str = "1a2b3c") -> Path:
    folder.mkdir(parents=True)
    with RecordStore(folder / "map.jsonl") as store:
        for record in simulate_map(lambda _, shape: ratios[shape.channels], SHAPES):
            store.append(_on(record, host))
    return folder


def _on(record: Record, host: str) -> Record:
    return dataclasses.replace(record, environment=dataclasses.replace(record.environment, host=host))


@pytest.mark.heavy
def test_the_map_is_measured_drawn_and_continued(tmp_path: Path) -> None:
    arguments = ("run", "map", *TINY, "--results", tmp_path, "--machine", "here", "--json")
    done = call_microbench(*arguments, "--quick")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    cells = document["findings"]["map"]["cells"]
    assert {(cell["channels"], cell["resolution"]) for cell in cells} == {
        (8, "8x8"), (8, "16x16"), (16, "8x8"), (16, "16x16")
    }  # fmt: skip
    written = {path.name for path in (tmp_path / "here").iterdir()}
    assert written >= {"map.jsonl", "map.md", "map.csv", "map.svg", "map.png", "map.pdf"}
    before = (tmp_path / "here" / "map.jsonl").read_bytes()
    again = call_microbench(*arguments, "--quick")
    assert json.loads(again.out)["findings"] == document["findings"]
    assert (tmp_path / "here" / "map.jsonl").read_bytes() == before
    # Without --quick what is open is sampled again: rows are added, none is changed.
    further = call_microbench(*arguments, "--minutes", "0.05")
    assert further.code == 0, further.err
    assert (tmp_path / "here" / "map.jsonl").read_bytes().startswith(before)


@pytest.mark.heavy
def test_a_map_for_which_there_is_no_time_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    done = call_microbench("run", "map", *TINY, "--results", tmp_path, "--machine", "here", "--minutes", "0.0001")
    assert done.code == 75
    assert "shapes of the coarse grid are left; the same command continues" in done.err


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("--block", "conv3x3", "block"),
        ("--block", "nonesuch", "nonesuch"),
        ("--width", "0", "width"),
        ("--resolution", "big", "resolution"),
        ("--batch", "0", "batch"),
        ("--threads", "0", "threads"),
        ("--minutes", "-1", "minutes"),
        ("--most-macs", "1", "most-macs"),
    ],
)
def test_what_cannot_be_mapped_is_one_sentence(tmp_path: Path, option: str, value: str, field: str) -> None:
    done = call_microbench("run", "map", option, value, "--results", tmp_path, "--machine", "here")
    assert done.code == 2
    assert field in done.err
    assert done.err.count("\n") == 1


def test_two_maps_are_compared_by_their_signs(tmp_path: Path) -> None:
    first = record_map(tmp_path / "a", {8: 0.5, 16: 0.8, 32: 1.5, 64: 3.0})
    second = record_map(tmp_path / "b", {8: 0.6, 16: 1.3, 32: 1.4, 64: 2.0})
    done = call_microbench("compare", first, second)
    assert done.code == 0, done.err
    assert "agree in sign on 3 of the 4 cells that were not hatched in the first one (75.0%)" in done.out
    assert "sepconv3x3 16 at 16x16" in done.out
    document = json.loads(call_microbench("compare", first, second, "--json").out)
    assert document["maps"]["b"]["share"] == 0.75


def test_maps_of_different_machines_are_compared_only_where_it_was_asked_for(tmp_path: Path) -> None:
    ratios = {8: 0.5, 16: 0.8, 32: 1.5, 64: 3.0}
    first, second = record_map(tmp_path / "a", ratios), record_map(tmp_path / "b", ratios, host="9f8e7d")
    refused = call_microbench("compare", first, second)
    assert refused.code == 2
    assert "pass --allow host" in refused.err
    assert "4 of the 4 cells" in call_microbench("compare", first, second, "--allow", "host").out


def test_a_recorded_map_is_in_the_report(tmp_path: Path) -> None:
    record_map(tmp_path / "here", {8: 0.5, 16: 0.8, 32: 1.5, 64: 3.0})
    done = call_microbench("report", "--results", tmp_path, "--machine", "here")
    assert done.code == 0, done.err
    page = (tmp_path / "here" / "report.html").read_text("utf-8")
    assert "4 cells in 1 settings, 0 of them hatched" in page
    assert page.count("<img") == 1


def test_a_recorded_map_is_shown_with_its_figure(tmp_path: Path) -> None:
    record_map(tmp_path / "here", {8: 0.5, 16: 0.8, 32: 1.5, 64: 3.0})
    done = call_microbench("show", "map", "--results", tmp_path, "--machine", "here")
    assert done.code == 0, done.err
    assert "4 cells in 1 settings, 0 of them hatched" in done.out
    assert (tmp_path / "here" / "map.svg").is_file()
