"""The instrument times a stored model where neither torch nor any tool of the upper floors can be imported."""

import json
from typing import Any

import numpy as np
import pytest
from commands import output_of
from torch import nn

from microbench.models.build import build_workload

pytestmark = pytest.mark.subprocess

ABSENT = (
    "torch",
    "onnx",
    "fvcore",
    "pandas",
    "matplotlib",
    "click",
    "rich",
    "scipy",
    "blocks",
    "interactions",
    "lpsnet",
)

PROGRAM = """
import importlib, json, pkgutil, sys

ABSENT = set(json.loads(sys.argv[2]))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())

import numpy as np

import microbench.measure
import microbench.runtimes
from microbench.errors import InputError

imported = []
for package in (microbench.measure, microbench.runtimes):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            imported.append(importlib.import_module(module.name).__name__)

from pathlib import Path

from microbench import runtimes
from microbench.measure.environment import fingerprint
from microbench.measure.record import Record
from microbench.measure.sampler import Policy, Row, sample
from microbench.measure.store import RecordStore
from microbench.measure.workload import Cost, Workload

folder = Path(sys.argv[1])
arrays = np.load(folder / "arrays.npz")
workload = Workload(
    name="stored",
    onnx_model=(folder / "model.onnx").read_bytes(),
    inputs={"input": arrays["input"]},
    reference=(arrays["reference"],),
    cost=Cost(1, 1, 1),
)
runtime, configuration = runtimes.configure("onnxruntime", "fp32", "cpu", 1)
outcomes = []
sample(
    [Row("stored", lambda seed: runtime.load_checked(workload, configuration, seed))],
    Policy(ci_target=0.5, row_budget_s=0.05, min_generations=2, rounds_per_generation=2, min_window_ms=0.05),
    lambda _, outcome: outcomes.append(outcome),
)
with RecordStore(folder / "stored.jsonl") as store:
    store.append(Record("stored", "stored", {}, configuration, runtime.version(), "run", fingerprint(),
                        measurement=outcomes[0]))
try:
    runtimes.configure("torch-eager", "fp32", "cpu", 1)
except InputError as error:
    refusal = str(error)
print(json.dumps({
    "imported": imported,
    "latency_ms": outcomes[0].latency_ms,
    "torch": refusal,
    "leaked": sorted(ABSENT & set(sys.modules)),
}))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("stored")
    workload = build_workload("stored", lambda: nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()), (1, 4, 8, 8))
    (folder / "model.onnx").write_bytes(workload.onnx_model)
    np.savez(folder / "arrays.npz", input=workload.inputs["input"], reference=workload.reference[0])
    found: dict[str, Any] = json.loads(output_of(PROGRAM, folder, json.dumps(ABSENT)))
    assert (folder / "stored.jsonl").stat().st_size > 0
    return found


def test_every_file_of_the_instrument_can_be_imported_without_torch(answer: dict[str, Any]) -> None:
    assert "microbench.measure.sampler" in answer["imported"]
    assert "microbench.runtimes.pytorch.compile" in answer["imported"]
    assert answer["leaked"] == []


def test_a_stored_model_is_timed_without_torch(answer: dict[str, Any]) -> None:
    assert answer["latency_ms"] > 0


def test_a_runtime_that_wraps_torch_is_unavailable_there_with_the_line_that_installs_it(answer: dict[str, Any]) -> None:
    assert "runtime 'torch-eager' is not available on cpu" in answer["torch"]
    assert answer["torch"].endswith("pip install torch.")
