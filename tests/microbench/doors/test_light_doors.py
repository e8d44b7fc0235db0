"""Help, wrong options and `doctor` answer at once: which modules a command loads, whatever the clock says."""

import json
import shutil
from pathlib import Path

import click
import pytest
from commands import run_python

from microbench.cli import cli
from microbench.measure.environment import fingerprint

pytestmark = pytest.mark.subprocess

ROOT = Path(__file__).parents[3]

FRAMEWORKS = (
    "torch", "lightning", "kornia", "onnx", "onnxruntime", "openvino", "tensorrt", "fvcore", "scipy", "tensorboard",
)  # fmt: skip
DRAWING = ("matplotlib", "pandas", "rich", "jinja2", "PIL")
OWN = ("blocks", "interactions", "lpsnet")
HEAVY = (*FRAMEWORKS, *DRAWING, *OWN)

LOADED = """
import sys
from microbench.cli import main
try:
    main()
except SystemExit as error:
    print("exit code", error.code, file=sys.stderr)
import json
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

EACH_HELP = """
import contextlib, io, json, sys
from microbench.cli import cli
from microbench.measure.environment import fingerprint
found = {}
for path in json.load(sys.stdin):
    before = set(sys.modules)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        cli.main([*path, "--help"], standalone_mode=False)
    assert "Usage: " in printed.getvalue()
    found[" ".join(path)] = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
print(json.dumps(found))
"""


def command_paths(command: click.Command = cli, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and subcommand, found from the command line itself."""
    paths = [path]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            paths += command_paths(subcommand, (*path, name))
    return paths


PATHS = command_paths()


def loaded(*arguments: str, code: int = 0) -> set[str]:
    """The top-level modules that the process of a command has loaded when it ends."""
    done = run_python("-c", LOADED, *arguments)
    assert f"exit code {code}\n" in done.err, done.err
    return set(json.loads(done.out.splitlines()[-1]))


@pytest.fixture(scope="module")
def loaded_by_help() -> dict[str, list[str]]:
    """What the help of each command loaded that no help before it had."""
    done = run_python("-c", EACH_HELP, standard_input=json.dumps(PATHS))
    assert done.code == 0, done.err
    found: dict[str, list[str]] = json.loads(done.out)
    return found


@pytest.mark.parametrize("path", PATHS, ids=[" ".join(path) or "microbench" for path in PATHS])
def test_help_loads_nothing_heavy(path: tuple[str, ...], loaded_by_help: dict[str, list[str]]) -> None:
    assert set(loaded_by_help[" ".join(path)]) & set(HEAVY) == set()


@pytest.mark.parametrize("path", [path for path in PATHS if path], ids=" ".join)
def test_help_ends_with_an_example_of_the_very_command(path: tuple[str, ...]) -> None:
    context = click.Context(cli)
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None
        command = found
    assert f"Example: microbench {' '.join(path)}" in (command.help or "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--wrong"],
        ["fly"],
        ["run", "figure9"],
        ["run", "figure4", "--wrong"],
        ["run", "figure4", "--threads", "many"],
        ["run", "table4", "--resolution", "big"],
        ["show"],
        ["report", "--wrong"],
        ["train", "--width", "wide"],
        ["gate", "--wrong"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(*arguments, code=2) & set(HEAVY) == set()


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"]], ids=" ".join)
def test_the_doctor_loads_nothing_heavy(arguments: list[str]) -> None:
    if fingerprint().gpu is not None:
        pytest.skip("only a runtime itself knows whether it can use a GPU that is there")
    assert loaded(*arguments) & set(HEAVY) == set()


@pytest.mark.parametrize("command", ["show", "report"])
def test_what_is_recorded_is_shown_without_a_framework(command: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results" / "xeon-2-cores", tmp_path / "m", ignore=shutil.ignore_patterns("gate"))
    names = ["figure4", "figure5", "table2", "table3", "table4", "ceilings"] if command == "show" else []
    found = loaded(command, *names, "--machine", "m", "--results", str(tmp_path))
    assert found & set(FRAMEWORKS) == set()
    assert "pandas" in found  # so what is loaded is seen
