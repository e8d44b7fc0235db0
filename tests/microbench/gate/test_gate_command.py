"""What a user of `microbench gate` sees; the processes' answers are made up, so that the truth is known."""

import json
import os
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from fake_gate import FakeProcesses, Microbench, WriteModel

from microbench.gate.reason import ReasonCode


@pytest.fixture
def sides(write_model: WriteModel) -> None:
    """Two folders with two models each, one of which has a layer more on the head's side."""
    write_model("base/net.onnx", 2)
    write_model("head/net.onnx", 3)
    write_model("base/same.onnx", 1)
    write_model("head/same.onnx", 1)


def rows_of(output: str) -> dict[str, dict[str, Any]]:
    return {row["workload"]: row for row in json.loads(output)["workloads"]}


def document_of(folder: Path) -> dict[str, dict[str, Any]]:
    return rows_of((folder / "gate" / "gate.json").read_text())


@pytest.mark.usefixtures("sides")
class TestTwoFoldersOfModels:
    def test_a_slower_network_fails_with_its_ratio_and_what_differs(
        self, microbench: Microbench, processes: FakeProcesses, tmp_path: Path
    ) -> None:
        processes.slowdowns["net"] = 0.05
        code, output, _ = microbench("gate", "base", "head")
        assert code == 1
        assert "Latency gate: slower: net" in output
        assert "1 pass, 1 slower; 12 processes a stage, 120 windows an arm in each" in output
        assert {path.name for path in (tmp_path / "gate").iterdir()} == {
            "gate.json", "gate.md", "gate.pdf", "gate.png", "gate.svg", "processes.jsonl",
        }  # fmt: skip
        comment = (tmp_path / "gate" / "gate.md").read_text()
        (row,) = re.findall(r"\| `net` \| (.*) \|", comment)
        ratio, p, verdict, reason, wall, differs = row.split(" | ")
        assert re.fullmatch(r"\+[45]\.\d% \(\+\d\.\d% to \+\d\.\d%\)", ratio)
        assert p == "0.0002"  # 2^-12: one suspect, twelve processes, all above zero
        assert verdict == "❌ **slower**"
        assert reason.endswith("confirmed by fresh processes")
        assert document_of(tmp_path)["net"]["reason_code"] == ReasonCode.CONFIRMED
        assert wall.endswith("slower")
        assert differs.startswith("operators 2 → 3; Conv 2 → 3; float weights 4.6 kB → 6.9 kB")

    def test_equal_latency_passes_although_the_files_differ(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 0
        assert len(processes.jobs) == 12
        assert {name: row["verdict"] for name, row in rows_of(output).items()} == {"net": "pass", "same": "pass"}

    def test_only_what_looks_slower_is_measured_again(self, microbench: Microbench, processes: FakeProcesses) -> None:
        processes.slowdowns["net"] = 0.10
        microbench("gate", "base", "head")
        workloads = [sorted(task.workload for task in job.tasks) for job in processes.jobs]
        assert workloads == [["net", "same"]] * 12 + [["net"]] * 12

    def test_a_machine_that_loads_the_same_model_at_two_speeds_is_inconclusive(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        processes.null_shift = 0.03
        processes.slowdowns["net"] = 0.05
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 3
        assert rows_of(output)["net"]["reason_code"] == ReasonCode.NULL_SHIFT

    def test_processes_that_scatter_too_widely_are_inconclusive(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        processes.head_noise = 0.05
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 3
        assert rows_of(output)["same"]["reason_code"] == ReasonCode.WIDE_INTERVAL

    def test_a_faster_network_passes_and_is_called_faster(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        processes.slowdowns["net"] = -0.10
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 0
        assert rows_of(output)["net"]["reason_code"] == ReasonCode.FASTER

    def test_a_model_that_the_runtime_refuses_is_named_and_the_others_are_judged(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        processes.errors["net"] = "Fail: no kernel for Conv"
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 2
        rows = rows_of(output)
        assert (rows["net"]["verdict"], rows["net"]["reason_code"]) == ("not compared", ReasonCode.FAILED)
        assert rows["net"]["reason"] == "Fail: no kernel for Conv"
        assert rows["same"]["verdict"] == "pass"

    def test_a_workload_on_one_side_only_is_named_and_counts_unless_allowed(
        self, microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
    ) -> None:
        write_model("head/new.onnx")
        write_model("base/old.onnx")
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 2
        codes = [rows_of(output)[name]["reason_code"] for name in ("new", "old")]
        assert codes == [ReasonCode.ONLY_IN_HEAD, ReasonCode.ONLY_IN_BASE]
        assert microbench("gate", "base", "head", "--allow-unmatched")[0] == 0
        processes.slowdowns["net"] = 0.1
        assert microbench("gate", "base", "head", "--allow-unmatched", "--fresh")[0] == 1

    def test_models_that_take_other_inputs_are_not_compared(
        self, microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
    ) -> None:
        write_model("head/net.onnx", 2, size=8)
        code, output, _ = microbench("gate", "base", "head", "--json")
        assert code == 2
        net = rows_of(output)["net"]
        assert net["reason_code"] == ReasonCode.INPUTS_DIFFER
        assert net["reason"] == "inputs differ: base takes image 1x8x16x16, head image 1x8x8x8"
        assert len(processes.jobs) == 12

    def test_a_stopped_gate_is_resumed(self, microbench: Microbench, processes: FakeProcesses, tmp_path: Path) -> None:
        processes.slowdowns["net"] = 0.05
        processes.killed_after = 15
        code, _, error = microbench("gate", "base", "head")
        assert code == 130
        assert "the same command continues from there" in error
        ledger = tmp_path / "gate" / "processes.jsonl"
        assert len(ledger.read_text().splitlines()) == 15
        with ledger.open("a") as file:
            file.write('{"schema":1,"gate":"torn by a ki')

        processes.killed_after = None
        code, _, error = microbench("gate", "base", "head")
        assert code == 1
        assert "dropped its torn last line" in error
        assert len(processes.jobs) == 24
        assert len(ledger.read_text().splitlines()) == 24

    def test_what_was_measured_is_decided_again_without_measuring_unless_afresh(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        first = microbench("gate", "base", "head", "--json")[1]
        again = json.loads(microbench("gate", "base", "head", "--json")[1])
        assert len(processes.jobs) == 12
        assert again.pop("from_ledger")
        before = json.loads(first)
        assert not before.pop("from_ledger")
        assert again == before
        microbench("gate", "base", "head", "--fresh")
        assert len(processes.jobs) == 24

    def test_a_changed_model_is_measured_anew(
        self, microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
    ) -> None:
        microbench("gate", "base", "head")
        write_model("head/net.onnx", 4)
        microbench("gate", "base", "head")
        assert len(processes.jobs) == 24

    def test_sides_with_an_interpreter_each_never_share_a_process(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        processes.slowdowns["net"] = 0.10
        processes.drift = 0.001
        processes.versions = {"base-python": "1.26.0", "head-python": "1.27.0"}
        arguments = ("--base-python", "base-python", "--head-python", "head-python")
        code, output, _ = microbench("gate", "base", "head", "--json", *arguments)
        assert code == 1
        net = rows_of(output)["net"]
        assert net["differences"][0] == "onnxruntime 1.26.0 → 1.27.0"
        assert net["confirmation"]["ratio"]["estimate"] == pytest.approx(1.10, abs=0.02)
        assert rows_of(output)["same"]["verdict"] == "pass"
        assert len(processes.jobs) == 2 * 12 * 4
        for job in processes.jobs:
            assert all(len({arm.model for arm in task.arms}) == 1 for task in job.tasks)


def test_an_interpreter_may_be_named_from_the_current_folder(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel, tmp_path: Path
) -> None:
    write_model("base/net.onnx")
    python = write_model("venv/bin/python")
    python.chmod(0o755)
    microbench("gate", "base", "base", "--head-python", "venv/bin/python")
    assert set(processes.pythons) == {sys.executable, str(tmp_path / "venv/bin/python")}


BAD_INPUT = [
    (["gate"], "base and head must be given"),
    (["gate", "base"], "base and head must be given"),
    (["gate", "base", "head", "--calibrate"], "head must not be given"),
    (["gate", "nowhere", "base"], "base 'nowhere' is no folder of .onnx files, no bundle and no git revision"),
    (["gate", "x" * 3000, "base"], "is no folder of .onnx files, no bundle and no git revision"),
    (["gate", "base", "empty"], "head 'empty' has no .onnx file"),
    (["gate", "base", "text.tar.gz"], "head 'text.tar.gz' must be a folder"),
    (["gate", "base", "torn"], "head: model 'torn/net.onnx' is not an ONNX file"),
    (["gate", "base", "open"], "input 'image' has open dimensions; fix its 4 by --input, e.g. --input image=1x8x1x1"),
    (["gate", "base", "base", "--input", "image"], "input 'image' must be"),
    (["gate", "base", "base", "--input", "image=1x8x9x9"], "cannot be 1x8x9x9, as the model fixes 1x8x16x16"),
    (["gate", "base", "base", "--runtime", "torch-eager"], "runtime 'torch-eager' runs torch modules"),
    (["gate", "base", "base", "--runtime", "x"], "runtime 'x' is unknown"),
    (["gate", "base", "base", "--threads", "0"], "threads"),
    (["gate", "base", "base", "--export", "make"], "export must contain {out}"),
    (["gate", "base", "--calibrate", "--slowdown", "3"], "slowdown 0.03"),
    (["gate", "base", "--calibrate", "--fresh"], "fresh must not be given with --calibrate"),
    (["gate", "base", "base", "--quick"], "quick must be given with --calibrate"),
    (["gate", "base", "--calibrate", "--pool", "20"], "pool must be at least 24"),
    (["gate", "base", "base", "--limit", "0"], "limit must lie between 0.1 and 100 percent"),
    (["gate", "base", "base", "--processes", "5"], "processes must be at least 6"),
    (["gate", "base", "base", "--processes", "6"], "processes must be at least 7 for 1 workloads"),
    (["gate", "base", "base", "--processes", "1000000"], "processes must be at most 1000"),
    (["gate", "base", "base", "--confirm", "3"], "confirm must be 0 for no confirmation, or 6 to 1000 processes"),
    (["gate", "base", "base", "--only", "nt"], "only 'nt' is unknown; allowed: net"),
    (["gate", "base", "base", "--input", "imge=1x8x16x16"], "input 'imge' is unknown; allowed: image"),
    (["gate", "base", "base", "--input", "image=1x8x99999999x16"], "at most 536870912 values"),
    (["gate", "base", "base", "--input", "image=1x8x16x16:int64[0,9]"], "is of the type float32, not int64"),
    (["gate", "base", "base", "--input", "image=1x8x16x16:[0,9]"], "only integers have a range"),
    (["gate", "base", "base", "--input", "image=1x8x16x16:int8[0,300]"], "range within -128 to 127"),
    (["gate", "base", "truncated.tar.gz"], "head 'truncated.tar.gz' must be a folder"),
    (["gate", "base", "--calibrate", "--confirm", "12"], "confirm must not be given with --calibrate"),
    (["gate", "base", "--calibrate", "--slowdown", "1e-300"], "slowdown 1e-302 must be one more run in"),
    (["gate", "base", "--calibrate", "--pool", "1000000000"], "pool and drawn gates must be 1 to 10000"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "named"), BAD_INPUT, ids=[" ".join(arguments)[:60] for arguments, _ in BAD_INPUT]
)
def test_bad_input_is_refused_in_one_sentence(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel, arguments: list[str], named: str
) -> None:
    write_model("base/net.onnx")
    write_model("torn/net.onnx").write_bytes(b"\x08\x07half")
    write_model("open/net.onnx", size="size")
    Path("empty").mkdir()
    Path("text.tar.gz").write_text("text")
    with tarfile.open("whole.tar.gz", "w:gz") as archive:
        archive.add("base")
    Path("truncated.tar.gz").write_bytes(Path("whole.tar.gz").read_bytes()[:-60])
    code, output, sentence = microbench(*arguments)
    assert (code, output, processes.jobs) == (2, "", [])
    assert sentence.count("\n") == 1
    assert named in sentence


def test_an_open_shape_can_be_given(microbench: Microbench, processes: FakeProcesses, write_model: WriteModel) -> None:
    write_model("base/net.onnx", size="size")
    assert microbench("gate", "base", "base", "--input", "image=1x8x12x12")[0] == 0
    assert {tuple(job.tasks[0].inputs["image"].shape) for job in processes.jobs} == {(1, 8, 12, 12)}


def test_so_many_workloads_that_none_could_be_found_slower_get_more_processes(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
) -> None:
    for index in range(41):  # 41 times 2^-12 is more than 1%
        write_model(f"base/{index}.onnx")
    code, _, error = microbench("gate", "base", "base", "--processes", "12")
    assert code == 2
    assert "processes must be at least 13 for 41 workloads" in error
    assert microbench("gate", "base", "base")[0] == 0
    assert len(processes.jobs) == 13


def test_one_limit_and_fewer_processes_may_be_chosen(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
) -> None:
    write_model("base/net.onnx")
    processes.slowdowns["net"] = 0.06
    processes.base_noise = processes.head_noise = 0.005
    document = json.loads(microbench("gate", "base", "base", "--limit", "10", "--json")[1])
    assert (document["exit_code"], len(processes.jobs)) == (0, 12)
    assert document["workloads"][0]["reason_code"] == ReasonCode.WITHIN_LIMIT
    code, output, _ = microbench(
        "gate", "base", "base", "--limit", "3", "--processes", "8", "--confirm", "9", "--json", "--fresh"
    )
    assert (code, len(processes.jobs)) == (1, 12 + 8 + 9)
    confirmation = json.loads(output)["workloads"][0]["confirmation"]
    assert confirmation["processes"] == 9


def test_without_confirmation_the_first_stage_decides(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
) -> None:
    write_model("base/net.onnx")
    processes.slowdowns["net"] = 0.10
    code, output, _ = microbench("gate", "base", "base", "--confirm", "0", "--json")
    assert (code, len(processes.jobs)) == (1, 12)
    assert rows_of(output)["net"]["reason_code"] == ReasonCode.ABOVE_LIMIT


def test_only_the_chosen_workloads_are_compared(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
) -> None:
    for name in ("encoder/a", "encoder/b", "decoder"):
        write_model(f"base/{name}.onnx")
        write_model(f"head/{name}.onnx", 2)
    write_model("head/broken.onnx").write_bytes(b"")
    code, output, _ = microbench("gate", "base", "head", "--only", "encoder/*", "--json")
    assert code == 0
    assert set(rows_of(output)) == {"encoder/a", "encoder/b"}
    assert {task.workload for task in processes.jobs[0].tasks} == {"encoder/a", "encoder/b"}


def test_a_fault_of_the_program_never_reads_as_slower(
    microbench: Microbench, write_model: WriteModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    write_model("base/net.onnx")
    monkeypatch.setattr("microbench.gate.processes.run_worker", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, output, error = microbench("gate", "base", "base")
    assert (code, output, error.count("\n")) == (70, "", 1)
    assert "RuntimeError: unforeseen" in error


@pytest.mark.parametrize("name", ["gate.json", "gate.md", "gate.svg"])
def test_a_report_that_cannot_be_written_is_no_verdict(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel, name: str
) -> None:
    write_model("base/net.onnx")
    (Path("gate") / name).mkdir(parents=True)
    processes.slowdowns["net"] = 0.10
    code, _, error = microbench("gate", "base", "base")
    assert code == 2
    assert error.startswith("microbench: gate report in 'gate' cannot be written")


HOSTILE_NAMES = ["sub[/red]", "$x_{", "|", "a`b", "<img src=x>", "@everyone", "line\nbreak", "ümläut", "-x", "x" * 200]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_models_name_is_never_markup(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel, name: str
) -> None:
    write_model(f"base/{name}.onnx")
    processes.slowdowns[name.replace("\n", "\\n")] = 0.10
    code, output, _ = microbench("gate", "base", "base")
    assert code == 1
    comment = Path("gate/gate.md").read_text(encoding="utf-8")
    table = [line for line in comment.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert not re.search(r"(?<!`)(<img|@everyone)", comment)  # in a code span both are literal
    assert max(map(len, comment.splitlines())) < 800
    assert "slower: " in output


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="file names are UTF-8 there")
def test_a_models_name_need_not_be_utf_8(
    microbench: Microbench, processes: FakeProcesses, write_model: WriteModel
) -> None:
    write_model("base/net.onnx").rename(os.fsdecode(b"base/caf\xe9.onnx"))
    Path("base").rename(os.fsdecode(b"b\xe4se"))
    side = os.fsdecode(b"b\xe4se")
    code, output, _ = microbench("gate", side, side, "--json")
    assert (code, len(processes.jobs)) == (0, 12)
    assert set(rows_of(output)) == {"caf\\xe9"}
    code, output, _ = microbench("gate", side, side, "--out", os.fsdecode(b"\xfc"))
    assert (code, len(processes.jobs)) == (0, 24)
    assert "b\\xe4se over b\\xe4se" in output
