"""ONNX Runtime's kernels, read off the profile of two runs.

The profile shows the graph after optimisation. Of convolutions it tells apart NCHWc ones (`nchwc_transformer`: channels
in blocks of the vector's width, with `ReorderInput` and `ReorderOutput` at the ends) and plain ones, and the shapes
with the channels that blocks add.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from numpy.typing import NDArray

from microbench.runtimes.kernels.kernel import Kernel, padded_macs

_RUNS = 2
_SUFFIX = "_kernel_time"
_CONVOLUTIONS = ("Conv", "FusedConv", "QLinearConv", "ConvInteger")
_MAP_DIMENSIONS = 4
_CONVERSIONS = ("ReorderInput", "ReorderOutput", "QuantizeLinear", "DequantizeLinear", "Cast")


def onnxruntime_kernels(
    model: bytes, options: Any, providers: Sequence[Any], inputs: Mapping[str, NDArray[Any]]
) -> list[Kernel]:
    """Load the model once more with profiling on, run it, and return its kernels in the order in which they ran.

    Args:
        model: the ONNX file's content.
        options: `SessionOptions` of the session that is timed; profiling is switched on in them.
        providers: of that session.
        inputs: by name.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="microbench-profile-") as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(model, options, providers=providers)
        for _ in range(_RUNS):
            session.run(None, dict(inputs))
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return kernels_of_profile(events)


def kernels_of_profile(events: Sequence[Mapping[str, Any]]) -> list[Kernel]:
    """The kernels that a profile's events name, each once."""
    by_name: dict[str, Kernel] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_SUFFIX) and name not in by_name:
            by_name[name] = _kernel(name[: -len(_SUFFIX)], event["args"])
    return list(by_name.values())


def _kernel(node: str, arguments: Mapping[str, Any]) -> Kernel:
    operator = str(arguments["op_name"])
    inputs = [_shape(entry) for entry in arguments.get("input_type_shape") or ()]
    outputs = [_shape(entry) for entry in arguments.get("output_type_shape") or ()]
    output = outputs[0] if outputs else None
    macs, window = 0, None
    if operator in _CONVOLUTIONS and output is not None:
        # The weights are the first input of as many dimensions as the map, behind the map itself.
        weights = next((shape for shape in inputs[1:] if shape is not None and len(shape) == len(output)), None)
        if weights is not None:
            macs = padded_macs(output, weights)
            window = (weights[2], weights[3]) if len(weights) == _MAP_DIMENSIONS else None
    return Kernel(
        operator=operator,
        implementation="NCHWc" if node.endswith("_nchwc") else str(arguments.get("provider", "")),
        input_shape=inputs[0] if inputs else None,
        output_shape=output,
        macs=macs,
        window=window,
        converts_layout=operator in _CONVERSIONS,
    )


def _shape(entry: Mapping[str, Sequence[int]]) -> Optional[tuple[int, ...]]:
    """Of `{"float": [1, 32, 64, 64]}`, the numbers."""
    return next((tuple(int(side) for side in sides) for sides in entry.values()), None)
