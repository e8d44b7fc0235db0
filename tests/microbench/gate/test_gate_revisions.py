"""Sides that are git revisions: what is checked out, how it is exported, and what is left behind."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from fake_gate import FakeProcesses, Microbench, WriteModel, is_gone


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(write_model: WriteModel, microbench: Microbench) -> None:  # noqa: ARG001 - it makes the folder current
    """A project whose second revision has a deeper network, and whose third does not build."""
    git("init", "--quiet", "--initial-branch=main")
    Path("export.sh").write_text('mkdir -p "$1" && cp models/*.onnx "$1"\n')
    for layers in (2, 3):
        write_model("models/net.onnx", layers)
        git("add", ".")
        git("commit", "--quiet", "--message", f"{layers} layers")
        git("tag", f"layers-{layers}")
    Path("export.sh").write_text("echo building >&2; echo no compiler here >&2; exit 7\n")
    git("commit", "--quiet", "--all", "--message", "broken")


EXPORT = ("--export", "sh export.sh {out}")


@pytest.mark.usefixtures("repository")
class TestGitRevisions:
    def test_two_revisions_are_exported_and_compared(self, microbench: Microbench, processes: FakeProcesses) -> None:
        Path("models/net.onnx").write_bytes(b"not committed")
        processes.slowdowns["net"] = 0.05
        code, output, _ = microbench("gate", "layers-2", "layers-3", *EXPORT, "--json")
        assert code == 1
        document = json.loads(output)
        assert re.fullmatch(r"layers-2 \([0-9a-f]{10}\)", document["base"])
        assert "Conv 2 → 3" in document["workloads"][0]["differences"]
        assert Path("models/net.onnx").read_bytes() == b"not committed"

    def test_a_revision_against_a_folder(self, microbench: Microbench, processes: FakeProcesses) -> None:
        code, output, _ = microbench("gate", "layers-2", "models", *EXPORT, "--json")
        assert (code, len(processes.jobs)) == (0, 12)
        assert json.loads(output)["head"] == "models"

    def test_a_revision_that_does_not_build_is_named_with_the_last_line_of_its_error(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        code, _, error = microbench("gate", "layers-2", "HEAD", *EXPORT)
        assert (code, processes.jobs) == (2, [])
        assert error == ("microbench: head 'HEAD' does not build: the export ended with code 7: no compiler here\n")

    def test_the_revisions_own_code_is_run_from_a_folder_inside_it(
        self, microbench: Microbench, processes: FakeProcesses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("inner").mkdir()
        Path("inner/helper.py").write_text("import shutil, sys\nshutil.copytree('../models', sys.argv[1])\n")
        git("add", ".")
        git("commit", "--quiet", "--message", "inner")
        monkeypatch.chdir("inner")
        code, _, error = microbench("gate", "HEAD", "HEAD", "--export", "{python} helper.py {out}")
        assert (code, len(processes.jobs), error) == (0, 12, "")

    def test_files_that_an_archive_would_leave_out_are_there(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        Path(".gitattributes").write_text("models export-ignore\nexport.sh export-ignore\n")
        git("checkout", "--quiet", "-b", "ignoring", "layers-2")
        git("add", ".")
        git("commit", "--quiet", "--message", "export-ignore")
        code, _, error = microbench("gate", "HEAD", "HEAD", *EXPORT)
        assert (code, error, len(processes.jobs)) == (0, "", 12)

    def test_submodules_that_are_initialised_are_checked_out(
        self, microbench: Microbench, processes: FakeProcesses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        # Git clones submodules from local paths only if it is told to.
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.file.allow")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")
        git("clone", "--quiet", "--branch", "layers-2", ".", "../zoo-of-" + tmp_path.name)
        git("checkout", "--quiet", "layers-2")
        git("submodule", "--quiet", "add", str(tmp_path.parent / f"zoo-of-{tmp_path.name}"), "zoo")
        git("commit", "--quiet", "--message", "submodule")
        code, _, error = microbench("gate", "HEAD", "HEAD", "--export", "cp -r zoo/models {out}")
        assert (code, error, len(processes.jobs)) == (0, "", 12)

    def test_the_repository_is_left_as_it_was(self, microbench: Microbench, processes: FakeProcesses) -> None:
        Path(".git/hooks/post-checkout").write_text("#!/bin/sh\ntouch hooked\n")
        Path(".git/hooks/post-checkout").chmod(0o755)
        for code in (0, 2):
            revision = "layers-2" if code == 0 else "HEAD"
            assert microbench("gate", revision, revision, *EXPORT)[0] == code
            listed = subprocess.run(["git", "worktree", "list"], check=True, capture_output=True, text=True).stdout
            assert listed.count("\n") == 1
        status = subprocess.run(["git", "status", "--porcelain"], check=True, capture_output=True, text=True).stdout
        assert status.split() == ["??", "gate/"]
        assert len(processes.jobs) == 12

    def test_without_an_export_command_a_revision_is_refused_in_a_sentence(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        code, output, error = microbench("gate", "layers-2", "layers-3")
        assert (code, output, processes.jobs) == (2, "", [])
        assert error == (
            "microbench: base 'layers-2' is a git revision, and nothing says how its models are built; give --export, "
            "or export in the table [tool.microbench.gate] of pyproject.toml.\n"
        )

    def test_a_projects_settings_are_read_from_its_pyproject(
        self, microbench: Microbench, processes: FakeProcesses
    ) -> None:
        Path("pyproject.toml").write_text(
            "[tool.microbench.gate]\n"
            'export = "sh export.sh {out}"\nmodels = ["n*"]\nlimit = 20\nprocesses = 8\nconfirm = 7\n'
        )
        processes.slowdowns["net"] = 0.10
        code, output, _ = microbench("gate", "layers-2", "layers-3", "--json")
        assert (code, len(processes.jobs)) == (0, 8)
        code, output, _ = microbench("gate", "layers-2", "layers-3", "--json", "--limit", "5")
        assert (code, json.loads(output)["workloads"][0]["confirmation"]["processes"]) == (1, 7)

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("[tool.microbench.gate]\nexprt = 1\n", "key 'exprt' is unknown; allowed: export, models"),
            ("[tool.microbench.gate]\nexport = 1\n", "export in [tool.microbench.gate] must be a text, not 1"),
            ('[tool.microbench.gate]\nmodels = "net"\n', "models in [tool.microbench.gate] must be a list of texts"),
            ("[tool.microbench.gate]\nmodels = [1]\n", "models in [tool.microbench.gate] must be a list of texts"),
            ("[tool.microbench.gate]\nlimit = true\n", "limit in [tool.microbench.gate] must be a number"),
            ("[tool]\nmicrobench = 3\n", "microbench must be a table"),
            ("[tool", "pyproject.toml is not a TOML file"),
        ],
    )
    def test_wrong_settings_are_refused_in_a_sentence(
        self, microbench: Microbench, processes: FakeProcesses, text: str, named: str
    ) -> None:
        Path("pyproject.toml").write_text(text)
        code, output, error = microbench("gate", "models", "models")
        assert (code, output, processes.jobs) == (2, "", [])
        assert named in error
        assert error.count("\n") == 1

    @pytest.mark.skipif(not hasattr(os, "killpg"), reason="the system has no process groups")
    def test_nothing_of_an_export_that_hangs_is_left_running(
        self, microbench: Microbench, processes: FakeProcesses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("microbench.gate.revision._LONGEST_EXPORT_S", 0.5)
        pid = tmp_path / "pid"
        code, _, error = microbench("gate", "HEAD", "HEAD", "--export", f"sleep 600 & echo $! > {pid}; wait; : {{out}}")
        assert (code, processes.jobs) == (2, [])
        assert "base 'HEAD' was not exported within" in error
        assert is_gone(int(pid.read_text()))
