"""Models in an empty folder, and the command as a user calls it."""

import sys
from pathlib import Path
from typing import Any

import pytest
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
def microbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Microbench:
    """Runs the command in this process and an empty folder; gives exit code, output and errors."""
    from microbench.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["microbench", *arguments])
        with pytest.raises(SystemExit) as exit_info:
            main()
        shown = capsys.readouterr()
        code = exit_info.value.code
        assert isinstance(code, int)
        return code, shown.out, shown.err

    return run


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> FakeProcesses:
    """What the gate's workers return, without starting any."""
    fake = FakeProcesses()
    monkeypatch.setattr("microbench.gate.processes.run_worker", fake)
    return fake
