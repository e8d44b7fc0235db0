"""What a user of the `microbench` command sees."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import call_microbench, run_microbench

SMALL = ["--block", "conv3x3:bare", "--width", "1..5", "--resolution", "8", "--ci", "0.5", "--budget", "0.1"]

RECORD_FIELDS = {
    "name", "runtime", "precision", "latency_ms", "latency_ci_low_ms", "latency_ci_high_ms", "samples", "macs",
    "parameters", "efficiency_mmacs_per_ms", "converged", "noisy", "error",
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def first_run(results: Path) -> dict[str, Any]:
    done = call_microbench("run", "sweep", *SMALL, "--results", str(results), "--machine", "here", "--json")
    assert done.code == 0, done.err
    document: dict[str, Any] = json.loads(done.out)
    return document


@pytest.mark.heavy
def test_json_is_one_object_with_the_records_and_their_axes(first_run: dict[str, Any]) -> None:
    assert first_run["experiment"] == "sweep"
    assert first_run["machine"] == "here"
    assert [record["width"] for record in first_run["records"]] == [1, 2, 3, 4, 5]
    for record in first_run["records"]:
        assert record.keys() >= RECORD_FIELDS
        assert record["latency_ci_low_ms"] <= record["latency_ms"] <= record["latency_ci_high_ms"]
        # c * c * 9 weights, each used once for every pixel of the 8 x 8 output map.
        assert record["macs"] == record["width"] ** 2 * 9 * 64
        assert record["efficiency_mmacs_per_ms"] == pytest.approx(record["macs"] / 1e6 / record["latency_ms"])


@pytest.mark.heavy
def test_figures_tables_and_records_are_written(first_run: dict[str, Any], results: Path) -> None:
    written = {path.name for path in (results / "here").iterdir()}
    assert written >= {"sweep.png", "sweep.svg", "sweep.md", "sweep.csv", "sweep.jsonl", "ceilings.jsonl"}
    assert {Path(path).name for path in first_run["figures"]} == {"sweep.pdf", "sweep.png", "sweep.svg"}


@pytest.mark.heavy
def test_a_second_run_measures_nothing_anew_and_says_the_same(first_run: dict[str, Any], results: Path) -> None:
    before = (results / "here" / "sweep.jsonl").read_bytes()
    done = call_microbench("run", "sweep", *SMALL, "--results", str(results), "--machine", "here", "--json")
    assert json.loads(done.out)["records"] == first_run["records"]
    assert (results / "here" / "sweep.jsonl").read_bytes() == before


@pytest.mark.heavy
def test_without_json_a_table_is_printed(first_run: dict[str, Any], results: Path) -> None:
    assert first_run
    done = call_microbench("run", "sweep", *SMALL, "--results", str(results), "--machine", "here")
    assert done.code == 0
    assert "latency ms" in done.out
    assert "conv3x3:bare" in done.out
    assert "sweep.svg" in done.out


@pytest.mark.heavy
def test_two_runs_are_compared_row_by_row(first_run: dict[str, Any], results: Path) -> None:
    assert first_run
    side = str(results / "here" / "sweep.jsonl")
    done = call_microbench("compare", side, side, "--json", "--out", str(results / "compared"))
    found = json.loads(done.out)
    assert [row["latencies"][1]["ratio"]["estimate"] for row in found["rows"]] == [1.0] * 5
    assert sorted(path.suffix for path in (results / "compared").iterdir()) == [".csv", ".md", ".pdf", ".png", ".svg"]
    assert sorted(found["files"]) == sorted(str(path) for path in (results / "compared").iterdir())


@pytest.mark.heavy
def test_a_row_that_cannot_be_built_is_told_and_the_others_are_measured(tmp_path: Path) -> None:
    # A ShuffleNet unit has two branches, so it cannot yield a single channel.
    choice = ["--block", "shufflenet", "--width", "1,2", "--resolution", "8", "--ci", "0.5", "--budget", "0.1"]
    done = call_microbench("run", "sweep", *choice, "--results", str(tmp_path), "--json")
    assert done.code == 1
    narrow, wide = json.loads(done.out)["records"]
    assert narrow["latency_ms"] is None
    assert "out_channels" in narrow["error"]
    assert wide["error"] is None


BAD_INPUT = [
    (["run", "figure4", "--runtime", "caffe"], "runtime 'caffe'"),
    (["run", "figure4", "--precision", "fp8"], "precision"),
    (["run", "figure4", "--device", "tpu"], "device"),
    (["run", "figure4", "--runtime", "tensorrt"], "tensorrt"),
    (["run", "figure4", "--threads", "0"], "threads"),
    (["run", "figure4", "--ci", "0"], "ci"),
    (["run", "figure4", "--budget", "-1"], "budget"),
    (["run", "figure4", "--machine", "../up"], "machine"),
    (["run", "figure9"], "figure9"),
    (["run", "sweep", "--block", "resnext"], "block 'resnext'"),
    (["run", "sweep", "--block", "ghost:ration=2"], "ration"),
    (["run", "sweep", "--width", "0"], "width '0'"),
    (["run", "sweep", "--width", "-4"], "width '-4'"),
    (["run", "sweep", "--in-width", "0"], "in-width"),
    (["run", "sweep", "--stride", "3"], "stride 3"),
    (["run", "sweep", "--batch", "0"], "batch"),
    (["run", "sweep", "--depth", "0"], "depth"),
    (["run", "sweep", "--resolution", "12x"], "resolution '12x'"),
    (["run", "table2", "--target-ms", "-3"], "time '-3'"),
    (["run", "table4", "--resolution", "big"], "resolution 'big'"),
    (["compare", "nowhere", "nowhere"], "nowhere"),
    (["compare", "nowhere"], "sets must be at least two"),
    (["export", "lpsnet-xl", "x.onnx"], "network 'lpsnet-xl'"),
    (["export", "lpsnet-s", "x.onnx", "--size", "0"], "resolution '0'"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT, ids=[" ".join(arguments) for arguments, _ in BAD_INPUT])
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call_microbench(*arguments)
    assert done.code == 2
    assert done.err.startswith("microbench: ")
    assert done.err.count("\n") == 1
    assert named in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_is_a_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder")
    done = call_microbench("run", "figure4", "--results", str(tmp_path / "results"))
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "cannot be written" in done.err
    assert (tmp_path / "results").read_text() == "not a folder"


def test_a_foreign_records_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "m" / "figure4.jsonl"
    foreign.parent.mkdir()
    foreign.write_text('{"name": "of another program"}\n')
    done = call_microbench("run", "figure4", "--results", str(tmp_path), "--machine", "m")
    assert done.code == 2
    assert "line 1, is not a record of this program" in done.err
    assert foreign.read_text() == '{"name": "of another program"}\n'


@pytest.mark.subprocess
def test_the_doctor_says_what_is_there_and_how_to_get_what_is_not() -> None:
    done = run_microbench("doctor")
    assert done.code == 0
    assert "onnxruntime" in done.out
    assert "to install:" in done.out
    document = json.loads(call_microbench("doctor", "--json").out)
    states = {(state["runtime"], state["device"]): state for state in document["runtimes"]}
    assert states["onnxruntime", "cpu"]["missing"] is None
    assert all(state["missing"] is None or state["install"] for state in document["runtimes"])


def test_a_network_is_exported(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "s.onnx"
    done = call_microbench("export", "lpsnet-step-0", str(path), "--size", "64x128", "--classes", "11")
    assert done.code == 0, done.err
    (output,) = onnx.load(path).graph.output
    # N0 sees half the image, and its stages divide that by 16.
    assert [dimension.dim_value for dimension in output.type.tensor_type.shape.dim] == [1, 11, 2, 4]


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "sweep"], ["run", "table2"], ["compare"], ["export"]])
def test_help_is_there_for_every_command(arguments: list[str]) -> None:
    done = call_microbench(*arguments, "--help")
    assert done.code == 0
    assert "Usage: " in done.out
