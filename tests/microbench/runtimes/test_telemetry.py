"""A measuring tool sends nothing, and no thread that would is there while it measures."""

import os
from pathlib import Path

import pytest
from commands import run_python

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in Linux's /proc"),
]

TIME_A_MODEL = """
import os
import microbench
import onnxruntime
from onnx import TensorProto, helper

values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("wish", ["0", None])
def test_onnx_runtime_reports_nothing_whatever_the_environment_says(
    wish: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ONNX Runtime itself stays silent where these are set.
    for name in ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if wish is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", wish)
    environment = {"HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(_path())}
    done = run_python("-c", TIME_A_MODEL, environment=environment)
    assert done.code == 0, done.err
    assert list(tmp_path.rglob("*")) == []
    assert done.out.split() == ["1"]


def _path() -> list[str]:
    return [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
