"""The peers in inference runtimes: every one gives torch's scores."""

from pathlib import Path

import numpy as np
import pytest
import torch

import lpsnet
from microbench.runtimes.signal_stack import unchanged_signal_stack

PEERS = tuple(name for name in lpsnet.NAMES if not name.startswith("lpsnet-"))
SIZE = (96, 160)


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_exported_scores_are_those_of_torch(name: str, tmp_path: Path) -> None:
    import onnxruntime
    import openvino

    torch.manual_seed(0)
    network = lpsnet.build(name, 11, deploy=True)
    path = tmp_path / "network.onnx"
    lpsnet.export_onnx(network, path, SIZE)
    image = torch.randn(1, 3, *SIZE)
    with torch.inference_mode():
        expected = network(image).numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with unchanged_signal_stack():
        compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = {
        "onnxruntime": session.run(None, {"image": image.numpy()})[0],
        "openvino": compiled([image.numpy()])[0],
    }
    scale = np.abs(expected).max()
    for runtime, scores in found.items():
        assert np.abs(scores - expected).max() <= 1e-3 * scale, runtime
