"""Records from elsewhere join those of their machine once, and nothing foreign joins them."""

import dataclasses
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from microbench.bundle.import_records import gather_records, merge_records
from microbench.errors import InputError
from microbench.measure.environment import Environment, fingerprint, machine_name
from microbench.measure.measurement import Generation, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.session import Reading
from microbench.measure.store import latest, line_of, read_records
from microbench.measure.workload import Cost

JETSON = dataclasses.replace(fingerprint(), host="abcdef", cpu_model="ARMv8 Processor rev 1 (v8l)", cpu_cores=6)
JETSON_NAME = "armv8-processor-rev-1-v8l-6-cores-abcdef"
EXPERIMENTS = ("figure4", "figure5")


def record(
    name: str, latency_ms: float = 1.0, environment: Environment = JETSON, experiment: str = "figure4"
) -> Record:
    reading = Reading(2, round(latency_ms * 2e6), 2_000_000, 0)
    generations = tuple(Generation(index, index, (reading, reading)) for index in range(3))
    diagnostics: Any = Diagnostics(0.0, 1.0, 0.001, 0.02, None)
    return Record(
        experiment=experiment,
        name=name,
        axes={"block": "conv3x3", "width": 8},
        configuration=Configuration("onnxruntime"),
        runtime_version="1.23",
        run="2025-01-01T00:00:00Z-0000",
        environment=environment,
        cost=Cost(macs=1000, parameters=10, moved_bytes=4000),
        measurement=summarize(generations, diagnostics, ci_target=0.01, single_threaded=True),
    )


def brought(folder: Path, *records: Record) -> Path:
    """A device's results folder, as the runner there leaves it."""
    for each in records:
        path = folder / machine_name(each.environment) / f"{each.experiment}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(line_of(each))
    return folder


def counts(results: Path, sources: list[Path], machine: str | None = None) -> dict[str, tuple[int, int]]:
    arrivals = merge_records(gather_records(sources), results, EXPERIMENTS, machine)
    return {f"{a.machine}/{a.experiment}": (a.added, a.known) for a in arrivals}


def test_records_go_to_the_folder_that_their_fingerprint_names(tmp_path: Path) -> None:
    source = brought(tmp_path / "away", record("a"), record("b"), record("c", experiment="figure5"))
    found = counts(tmp_path / "results", [source])
    assert found == {f"{JETSON_NAME}/figure4": (2, 0), f"{JETSON_NAME}/figure5": (1, 0)}
    assert read_records(tmp_path / "results" / JETSON_NAME / "figure4.jsonl") == [record("a"), record("b")]


def test_what_is_there_already_is_skipped_and_what_is_new_appended(tmp_path: Path) -> None:
    results = tmp_path / "results"
    first = brought(tmp_path / "first", record("a"))
    counts(results, [first])
    brought(first, record("a", 2.0), record("b"))
    assert counts(results, [first, first]) == {f"{JETSON_NAME}/figure4": (2, 4)}
    stored = read_records(results / JETSON_NAME / "figure4.jsonl")
    assert stored == [record("a"), record("a", 2.0), record("b")]
    assert latest(stored) == [record("a", 2.0), record("b")]


def test_a_name_may_be_given_for_one_machine_and_not_for_two(tmp_path: Path) -> None:
    source = brought(tmp_path / "away", record("a"))
    assert counts(tmp_path / "results", [source], "nano") == {"nano/figure4": (1, 0)}
    both = brought(source, record("a", environment=dataclasses.replace(JETSON, host="123456")))
    with pytest.raises(InputError, match="machine 'other' cannot stand for 2 machines"):
        counts(tmp_path / "results", [both], "other")
    assert not (tmp_path / "results" / "other").exists()


@pytest.mark.parametrize("kind", ["file", "gztar", "zip"])
def test_records_come_as_a_file_or_packed(kind: str, tmp_path: Path) -> None:
    source = brought(tmp_path / "away", record("a"))
    (path,) = source.rglob("*.jsonl")
    if kind != "file":
        path = Path(shutil.make_archive(str(tmp_path / "packed"), kind, source))
    assert gather_records([path]) == [record("a")]


def test_a_torn_last_line_is_dropped_with_a_warning(tmp_path: Path) -> None:
    source = brought(tmp_path / "away", record("a"), record("b"))
    (path,) = source.rglob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(UserWarning, match="dropped its torn last line"):
        found = gather_records([path])
    assert found == [record("a")]


def no_archive(path: Path) -> Path:
    path.with_suffix(".tar.gz").write_bytes(b"\x1f\x8b not a tar")
    return path.with_suffix(".tar.gz")


def half_an_archive(path: Path) -> Path:
    path.write_bytes(line_of(record("a")) * 50)
    archive = path.with_suffix(".tar")
    with tarfile.open(archive, "w") as tar:
        tar.add(path, "m/figure4.jsonl")
    archive.write_bytes(archive.read_bytes()[:5000])
    return archive


def a_foreign_line(path: Path) -> Path:
    path.write_text('{"name": "of another program"}\n')
    return path


def a_newer_schema(path: Path) -> Path:
    path.write_bytes(line_of(record("a")).replace(b'"schema":2', b'"schema":99'))
    return path


def nothing(path: Path) -> Path:
    return path


def an_empty_folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "make", [no_archive, half_an_archive, a_foreign_line, a_newer_schema, nothing, an_empty_folder]
)
def test_what_holds_no_records_is_refused_in_one_sentence(make: Any, tmp_path: Path) -> None:
    source = make(tmp_path / "file.jsonl")
    with pytest.raises(InputError, match=source.name) as refusal:
        counts(tmp_path / "results", [source])
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("foreign", "sentence"),
    [
        (record("a", experiment="../../figure4"), "experiment '../../figure4' is unknown; allowed: figure4, figure5"),
        (record("a", environment=dataclasses.replace(JETSON, host="../up")), "cannot name a folder"),
    ],
)
def test_no_record_leads_out_of_the_results(foreign: Record, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.jsonl"
    path.write_bytes(line_of(record("a")) + line_of(foreign))
    with pytest.raises(InputError, match=sentence.replace(".", r"\.")):
        counts(tmp_path / "results", [path])
    assert not (tmp_path / "results").exists()
