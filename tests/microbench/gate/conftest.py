"""Models in an empty folder, and the command as a user calls it."""

from pathlib import Path
from typing import Any

import pytest
from commands import call_microbench
from fake_gate import FakeProcesses, Microbench, WriteModel, chain


@pytest.fixture
def write_model(tmp_path: Path) -> WriteModel:
    """Writes a chain of convolutions to a path in an empty folder; returns the path."""

    def write(path: str, layers: int = 1, **options: Any) -> Path:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(chain(layers, **options))
        return target

    return write


@pytest.fixture
def microbench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Microbench:
    """Calls the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return call_microbench


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> FakeProcesses:
    """What the gate's workers return, without starting any."""
    fake = FakeProcesses()
    monkeypatch.setattr("microbench.gate.processes.run_worker", fake)
    return fake
