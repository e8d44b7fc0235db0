"""A side's own interpreter needs NumPy and the runtime alone."""

import subprocess
import sysconfig
from pathlib import Path

import pytest
from commands import output_of

import microbench.gate

ROOM = Path(microbench.gate.__file__).parent
RUN_BY_ANY_INTERPRETER = ("__init__", "inputs", "sampling_plan", "sampling", "worker")
ABSENT = ("torch", "onnx", "pandas", "matplotlib", "click", "rich", "scipy", "blocks", "lpsnet")


def test_what_a_process_runs_reads_on_python_3_9() -> None:
    vermin = Path(sysconfig.get_path("scripts")) / "vermin"
    if not vermin.exists():
        pytest.skip("vermin is not installed: pip install -e '.[dev]'")
    files = [str(ROOM / f"{name}.py") for name in RUN_BY_ANY_INTERPRETER]
    done = subprocess.run(
        [str(vermin), "--target=3.9-", "--violations", "--no-tips", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.subprocess
def test_a_process_imports_of_this_project_what_lies_below_and_of_its_own_room_those_files_alone() -> None:
    code = "import sys, microbench.gate.worker; print(*sorted(sys.modules))"
    modules = output_of(code).split()
    assert {name for name in modules if name.startswith("microbench.gate.")} == {
        f"microbench.gate.{name}" for name in RUN_BY_ANY_INTERPRETER if name != "__init__"
    }
    assert not {name.split(".")[0] for name in modules} & set(ABSENT)
