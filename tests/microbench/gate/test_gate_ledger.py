"""A ledger whose lines were damaged is refused whole and unchanged, or read; never a crash, never half believed."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_gate import FakeProcesses, chain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import DROPPED, ODD, Place, damaged, places

from microbench.errors import InputError
from microbench.gate.ledger import Ledger
from microbench.gate.ledger_line import process_line
from microbench.gate.model_set import open_models
from microbench.gate.plan import GatePlan
from microbench.gate.report import as_json
from microbench.gate.revision import RevisionExporter
from microbench.gate.run import run
from microbench.measure.record import Configuration


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatePlan, list[dict[str, Any]]]]:
    """A gate of one model, and the lines of its ledger."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "models").mkdir()
    (folder / "models" / "net.onnx").write_bytes(chain(1))
    models = open_models("base", str(folder / "models"), folder, RevisionExporter(), {})
    plan = GatePlan(models, models, Configuration("onnxruntime"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microbench.gate.processes.run_worker", FakeProcesses())
        with Ledger(folder / "processes.jsonl") as ledger:
            run(plan, ledger)
        yield plan, json.loads(json.dumps(ledger.lines))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_line_is_refused_or_decided_from_and_never_a_crash(
    measured: tuple[GatePlan, list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    plan, lines = measured
    which = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.sampled_from(list(places(lines[which]))))
    line = damaged(lines[which], place, data.draw(st.sampled_from([DROPPED, *ODD])))
    path = tmp_path_factory.getbasetemp() / "damaged.jsonl"
    content = "".join(json.dumps(own) + "\n" for own in [*lines[:which], line, *lines[which + 1 :]])
    path.write_text(content)
    try:
        ledger = Ledger(path)
    except InputError as error:
        refusal = str(error)
        assert path.read_text() == content
        assert f"line {which + 1}, is not a process of this version" in refusal
        return
    with ledger:
        json.dumps(as_json(run(plan, ledger), 0), allow_nan=False)


def test_a_whole_line_is_accepted(measured: tuple[GatePlan, list[dict[str, Any]]]) -> None:
    for line in measured[1]:
        assert process_line(line) is line


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (("workloads", 0, "arms", "head", "cpu_ns", 0), "fast", "cpu_ns"),
        (("workloads", 0, "arms", "head", "runs"), [1], "cpu_ns"),
        (("workloads", 0, "arms", "head", "clock"), "sundial", "clock"),
        (("workloads", 0, "arms"), {"base": {}}, "arms"),
        (("took_s",), -1, "took_s"),
        (("side",), "left", "side"),
    ],
)
def test_the_field_that_is_wrong_is_known(
    measured: tuple[GatePlan, list[dict[str, Any]]], place: Place, value: Any, field: str
) -> None:
    with pytest.raises((ValueError, KeyError), match=field):
        process_line(damaged(measured[1][0], place, value))


def test_a_gate_whose_disk_fills_up_keeps_its_processes_and_is_resumed(
    measured: tuple[GatePlan, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _ = measured
    path = tmp_path / "processes.jsonl"
    workers = FakeProcesses()
    monkeypatch.setattr("microbench.gate.processes.run_worker", workers)
    append = Ledger.append

    def full(ledger: Ledger, line: Any) -> None:
        if len(ledger.lines) == 5:
            raise InputError("gate file cannot be written: No space left on device.")
        append(ledger, line)

    with monkeypatch.context() as disk:
        disk.setattr(Ledger, "append", full)
        with Ledger(path) as ledger, contextlib.suppress(InputError):
            run(plan, ledger)
    assert len(path.read_text().splitlines()) == 5
    shutil.copy(path, tmp_path / "kept.jsonl")
    with Ledger(path) as ledger:
        result = run(plan, ledger)
    assert len(ledger.lines) == 12
    assert not result.from_ledger
    assert path.read_text().startswith((tmp_path / "kept.jsonl").read_text())
