"""`microbench bundle`, `import` and `show`: to a device and back."""

import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from commands import Ended, call_microbench

from microbench.bundle import command as on_device
from microbench.bundle.reader import open_bundle
from microbench.experiments import EXPERIMENTS
from microbench.experiments.base import Presentation
from microbench.experiments.ceilings import with_ceilings
from microbench.experiments.network import NetworkTable
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.report.dataframe import to_dataframe

pytestmark = pytest.mark.heavy

Microbench = Callable[..., Ended]

HASTY = ["--runtime", "onnxruntime", "--ci", "0.9", "--budget", "0.05"]


@dataclass(frozen=True)
class Tiny(NetworkTable):
    """Counts as whole networks, so that no ceilings are built for it."""

    name: ClassVar[str] = "tiny"
    title: ClassVar[str] = "A tiny table"
    resolution: tuple[int, int] = (6, 6)

    def specs(self) -> list[WorkloadSpec]:
        return self._rows(4)

    def refine(self, records: Sequence[Record]) -> list[WorkloadSpec]:
        return [] if records else self._rows(5)

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        return Presentation(
            to_dataframe(records)[["name", "latency_ms"]], (f"{len(records)} rows at {self.resolution}",)
        )

    def _rows(self, width: int) -> list[WorkloadSpec]:
        return axes_to_specs(self.name, Axes((BlockChoice("conv3x3"),), (width,), resolutions=(self.resolution,)))


@dataclass(frozen=True)
class Broken(Tiny):
    name: ClassVar[str] = "broken"

    def specs(self) -> list[WorkloadSpec]:
        def build() -> Workload:
            raise RuntimeError("no such layer")

        return [WorkloadSpec(self.name, "row", build, {})]


@pytest.fixture
def microbench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Microbench:
    """Calls the command in an empty folder."""
    makers: dict[str, Any] = {**EXPERIMENTS._makers, "tiny": Tiny, "broken": Broken}
    monkeypatch.setattr(EXPERIMENTS, "_makers", makers)
    monkeypatch.chdir(tmp_path)

    return call_microbench


@pytest.fixture
def measured(microbench: Microbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a bundle that was measured on its device."""
    folder = tmp_path / "away"
    assert microbench("bundle", "tiny", "--out", str(folder))[0] == 0
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as exit_info:
        on_device.main([".", *HASTY])
    assert exit_info.value.code == 0
    monkeypatch.chdir(tmp_path)
    return folder


def rows_of(folder: Path) -> list[tuple[Any, Any]]:
    """Width and resolution of each workload."""
    return [(entry.axes["width"], entry.axes["resolution"]) for entry in open_bundle(folder).manifest.entries]


def test_a_bundle_holds_what_the_experiment_times_before_it_knows_any_latency(
    microbench: Microbench, tmp_path: Path
) -> None:
    code, output, _ = microbench("bundle", "tiny", "--out", "there", "--archive")
    assert code == 0
    assert "2 workloads to there" in output
    assert "cd there && python3 -m microbench.measure ." in output
    assert rows_of(tmp_path / "there") == [(4, "6x6"), (5, "6x6")]
    assert all(entry.whole_network for entry in open_bundle(tmp_path / "there").manifest.entries)
    with tarfile.open(tmp_path / "there.tar.gz") as archive:
        assert "there/manifest.json" in archive.getnames()


def test_networks_are_bundled_at_the_resolution_asked_for(microbench: Microbench, tmp_path: Path) -> None:
    assert microbench("bundle", "tiny", "--out", "there", "--resolution", "8x9")[0] == 0
    assert rows_of(tmp_path / "there") == [(4, "8x9"), (5, "8x9")]


def test_what_cannot_be_built_is_named_and_left_out(microbench: Microbench, tmp_path: Path) -> None:
    code, _, errors = microbench("bundle", "broken", "--out", "there")
    assert code == 1
    assert "left out broken/row: RuntimeError: no such layer" in errors
    assert rows_of(tmp_path / "there") == [(5, "6x6")]


def test_blocks_take_the_ceilings_of_the_roofline_with_them() -> None:
    blocks, networks = EXPERIMENTS.make("figure4"), EXPERIMENTS.make("table4")
    assert [experiment.name for experiment in with_ceilings([networks])] == ["table4"]
    assert [experiment.name for experiment in with_ceilings([networks, blocks])] == ["table4", "figure4", "ceilings"]


def test_records_are_brought_home_and_shown(microbench: Microbench, measured: Path, tmp_path: Path) -> None:
    code, output, _ = microbench("import", str(measured), "--machine", "board")
    assert code == 0
    assert "results/board/tiny.jsonl: 2 added, 0 already there" in output
    assert output.splitlines()[-1] == "To see them: microbench show tiny --machine board"

    code, output, _ = microbench("show", "tiny", "--machine", "board")
    assert code == 0
    assert "A tiny table (board)" in output
    assert "2 rows at (6, 6)" in output
    assert {path.name for path in (tmp_path / "results" / "board").iterdir()} == {"tiny.jsonl", "tiny.md", "tiny.csv"}

    assert "0 added, 2 already there" in microbench("import", str(measured), "--machine", "board")[1]


def test_what_is_shown_for_machines_is_one_json_object(microbench: Microbench, measured: Path) -> None:
    microbench("import", str(measured), "--machine", "board")
    document = json.loads(microbench("show", "tiny", "--machine", "board", "--json")[1])
    assert document["machine"] == "board"
    assert [row["width"] for row in document["records"]] == [4, 5]


def test_of_several_resolutions_one_is_shown(microbench: Microbench, measured: Path) -> None:
    second = measured.parent / "second"
    assert microbench("bundle", "tiny", "--out", str(second), "--resolution", "8x9")[0] == 0
    with pytest.raises(SystemExit):
        on_device.main([str(second), *HASTY, "--results", str(second / "results")])
    microbench("import", str(measured), str(second), "--machine", "board")
    code, _, error = microbench("show", "tiny", "--machine", "board")
    assert code == 2
    assert "resolution must be given for tiny; allowed: 6x6, 8x9." in error
    code, output, _ = microbench("show", "tiny", "--machine", "board", "--resolution", "8x9")
    assert code == 0
    assert "2 rows at (8, 9)" in output


BAD_INPUT = [
    (["bundle", "figure9", "--out", "there"], "experiment 'figure9'"),
    (["bundle", "figure4", "--out", "there", "--resolution", "64"], "figure4 has none"),
    (["bundle", "table4", "--out", "there", "--resolution", "wide"], "resolution 'wide'"),
    (["bundle", "tiny", "--out", "occupied"], "'occupied' is not empty"),
    (["bundle", "tiny", "--out", "occupied/file"], "cannot be written"),
    (["bundle", "tiny"], "--out"),
    (["import", "nowhere.jsonl"], "nowhere.jsonl"),
    (["import", "occupied/file"], "line 1, is not a record"),
    (["show", "figure9", "--machine", "board"], "experiment 'figure9'"),
    (["show", "figure4", "--machine", "board"], "experiment 'figure4' is not recorded in 'results/board'"),
    (["show", "figure4", "--machine", "../up"], "machine '../up'"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT, ids=[" ".join(arguments) for arguments, _ in BAD_INPUT])
def test_bad_input_writes_nothing_and_exits_with_2(
    microbench: Microbench, tmp_path: Path, arguments: list[str], named: str
) -> None:
    (tmp_path / "occupied").mkdir()
    (tmp_path / "occupied" / "file").write_text("mine\n")
    code, _, sentence = microbench(*arguments)
    assert code == 2
    assert sentence.count("\n") == 1
    assert named in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["occupied"]


def test_an_imported_machine_has_figure_4(microbench: Microbench, tmp_path: Path) -> None:
    """The records that come with this project, as if a device had sent them."""
    recorded = Path(__file__).parents[3] / "results" / "xeon-2-cores"
    for name in ("figure4", "ceilings"):
        shutil.copy(recorded / f"{name}.jsonl", tmp_path)
    assert microbench("import", "figure4.jsonl", "ceilings.jsonl", "--machine", "xeon")[0] == 0
    code, output, _ = microbench("show", "figure4", "--machine", "xeon")
    assert code == 0
    assert "the standard convolution does" in output
    assert (tmp_path / "results" / "xeon" / "figure4.png").stat().st_size > 0
