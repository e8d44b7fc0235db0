"""The gate on a project that is not ours, with real processes: a network that stayed as it was, and a deeper one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_gate import chain

pytestmark = [pytest.mark.slow, pytest.mark.subprocess]

EXPORT = """
import shutil, sys
shutil.copytree("models", sys.argv[1])
"""
SETTINGS = """
[tool.microbench.gate]
export = "{python} export.py {out}"
processes = 8
confirm = 8
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three commits: a network of six layers, a change of the README alone, and five layers more (+83%)."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "export.py").write_text(EXPORT)
    (folder / "pyproject.toml").write_text(SETTINGS)
    git(folder, "init", "--quiet")
    for tag, layers in (("first", 6), ("unchanged", 6), ("deeper", 11)):
        (folder / "models" / "net.onnx").write_bytes(chain(layers))
        (folder / "README").write_text(tag)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", tag)
        git(folder, "tag", tag)
    return folder


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def gate(folder: Path, base: str, head: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "microbench", "gate", base, head, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode in (0, 1, 3), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document["workloads"][0]


def test_a_change_of_the_readme_is_never_called_slower(project: Path) -> None:
    code, _ = gate(project, "first", "unchanged")
    assert code in (0, 3)  # inconclusive where other programs keep the machine busy


def test_a_network_with_five_layers_more_fails(project: Path) -> None:
    code, net = gate(project, "unchanged", "deeper")
    assert (code, net["verdict"], net["reason_code"]) == (1, "slower", "confirmed")
    assert net["first"]["ratio"]["low"] > 1.4
    assert "Conv 6 → 11" in net["differences"]
