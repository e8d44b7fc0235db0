"""What a record says of its machine, and what it keeps to itself."""

import dataclasses
import getpass
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import output_of

import microbench
from microbench.measure import environment
from microbench.measure.environment import fingerprint, machine_name

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz
flags\t\t: fpu avx2 fma avx512f hypervisor

processor\t: 1
model name\t: another
"""


@pytest.fixture(autouse=True)
def _uncached() -> Iterator[None]:
    fingerprint.cache_clear()
    yield
    fingerprint.cache_clear()


@pytest.fixture
def bare_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system that tells nothing of itself, but what a test writes into this folder."""
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(environment, "_CACHES", tmp_path / "cache")
    monkeypatch.setattr(environment, "_MACHINE_ID", tmp_path / "machine-id")
    return tmp_path


def test_neither_the_hosts_nor_the_users_name_is_kept(bare_system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "secret-host.example.org")
    assert not (bare_system / "machine-id").exists()
    text = json.dumps(dataclasses.asdict(fingerprint())) + machine_name()
    assert "secret-host" not in text
    assert "example" not in text


def test_nothing_in_this_machines_fingerprint_names_it() -> None:
    text = json.dumps(dataclasses.asdict(fingerprint()))
    assert platform.node() not in text
    assert str(Path.home()) not in text
    # "root" is a word that may stand anywhere; a name of a person would not.
    if getpass.getuser() != "root":
        assert getpass.getuser() not in text


def test_the_machine_id_is_shown_as_a_hash_alone(bare_system: Path) -> None:
    (bare_system / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    first = fingerprint().host
    assert re.fullmatch("[0-9a-f]{6}", first)
    assert first not in "0123456789abcdef0123456789abcdef"
    fingerprint.cache_clear()
    (bare_system / "machine-id").write_text("another\n")
    assert fingerprint().host != first


def test_the_first_cores_model_and_vector_extensions_are_kept(bare_system: Path) -> None:
    (bare_system / "cpuinfo").write_text(CPUINFO)
    found = fingerprint()
    assert found.cpu_model == "Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz"
    assert found.cpu_flags == ("avx2", "fma", "avx512f")
    assert found.virtual_machine is True


def test_cache_sizes_are_in_bytes_by_level(bare_system: Path) -> None:
    for index, (level, kind, size) in enumerate(
        [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2048K")]
    ):
        folder = bare_system / "cache" / f"index{index}"
        folder.mkdir(parents=True)
        for name, value in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(value + "\n")
    assert fingerprint().cache_bytes == {"L1d": 48 * 1024, "L1i": 32 * 1024, "L2": 2048 * 1024}


def test_a_system_that_tells_nothing_still_has_a_fingerprint(bare_system: Path) -> None:
    found = fingerprint()
    assert list(bare_system.iterdir()) == []
    assert (found.cpu_flags, found.cache_bytes, found.virtual_machine) == ((), {}, None)
    assert found.cpu_model
    assert found.cpu_cores >= 1


def test_versions_are_those_installed() -> None:
    libraries = fingerprint().libraries
    assert libraries["numpy"] == importlib.metadata.version("numpy")
    assert libraries["onnxruntime"] == importlib.metadata.version("onnxruntime")
    assert "no-such-package" not in libraries


@pytest.mark.parametrize("model", [CPUINFO, "", "model name : 龍芯 3A5000\n", 'model name : A/B\\C: "x" *?\n'])
def test_the_machines_name_can_name_a_folder(bare_system: Path, model: str) -> None:
    (bare_system / "cpuinfo").write_text(model)
    name = machine_name()
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name)
    assert name.endswith(fingerprint().host)
    (bare_system / name).mkdir()


def test_trademarks_and_clocks_are_no_part_of_the_machines_name(bare_system: Path) -> None:
    (bare_system / "cpuinfo").write_text(CPUINFO)
    assert machine_name().startswith("intel-xeon-e5-2690-v4-")


def copy_into(folder: Path) -> None:
    package = Path(microbench.__file__).parent
    shutil.copytree(package / "measure", folder / "microbench" / "measure")
    for name in ("__init__.py", "errors.py"):
        shutil.copy(package / name, folder / "microbench" / name)


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit_told_in(folder: Path) -> str:
    code = "from microbench.measure.environment import fingerprint; print(fingerprint().commit)"
    return output_of(code, cwd=folder).strip()


@pytest.mark.subprocess
def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    copy_into(tmp_path)
    assert commit_told_in(tmp_path) == "None"


@pytest.mark.subprocess
def test_another_projects_checkout_gives_no_commit(tmp_path: Path) -> None:
    """Installed into a repository that does not hold this project's files, say in its `.venv`."""
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "other")
    copy_into(tmp_path)
    assert commit_told_in(tmp_path) == "None"


@pytest.mark.subprocess
def test_a_checkouts_commit_tells_whether_it_was_changed(tmp_path: Path) -> None:
    copy_into(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "figure.txt").write_text("1")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    head = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert commit_told_in(tmp_path) == head
    # Results being written are no change of what measures them.
    (tmp_path / "results" / "figure.txt").write_text("2")
    assert commit_told_in(tmp_path) == head
    (tmp_path / "microbench" / "errors.py").write_text('"""Changed."""\n')
    assert commit_told_in(tmp_path) == f"{head}+changes"


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert fingerprint().commit is None
