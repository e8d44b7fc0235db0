"""What the builder made of a model: its layers, their kernels ("tactics"), and the precision each computes in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from microbench.measure.sampler import one_line
from microbench.runtimes.kernels import Kernel
from microbench.runtimes.tensorrt.errors import EngineError

_KEPT = {"Name": "name", "LayerType": "type", "TacticName": "tactic"}
"""Of a layer's many properties; the rest (formats, weights' sizes) would make a record of a network megabytes long."""

_PRECISIONS = (
    ("bf16", ("bf16", "bfloat16")),
    ("fp16", ("fp16", "half")),
    ("fp32", ("fp32", "float")),
    ("int8", ("int8",)),
)
"""Words by which the inspector calls a tensor's type: "Channel major FP16 format where channel % 8 == 0" or "Half"."""
_INTEGERS = ("uint8", "int32", "int64", "bool")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f]+")
_HALF = ("fp16", "bf16")


@dataclass(frozen=True)
class Inspection:
    """What the engine inspector reports; empty with a reason where it cannot be read."""

    layers: tuple[Mapping[str, str], ...]
    """In the order in which they run, e.g. {"name": ..., "type": ..., "tactic": ..., "precision": "fp16"}; a layer that
    was built without detail has its name alone."""
    error: Optional[str] = None

    @property
    def reformat_share(self) -> Optional[float]:
        """Share of the layers that do nothing but change a tensor's type or layout; None where no layer is known."""
        if not self.layers:
            return None
        return round(sum(_is_reformat(layer) for layer in self.layers) / len(self.layers), 4)

    def kernels(self) -> list[Kernel]:
        """The layers as other runtimes' records have their kernels."""
        return [
            Kernel(
                layer.get("type", ""),
                layer.get("tactic") or layer.get("precision", ""),
                converts_layout=_is_reformat(layer),
            )
            for layer in self.layers
        ]

    def require_precision(self, precision: str) -> None:
        """Check that the kernels compute in the precision that a row is recorded under.

        A layer whose precision is unknown is no evidence of another one.

        Args:
            precision: "fp32", "tf32", "fp16", "bf16" or "int8".

        Raises:
            EngineError: a kernel of an fp32 row computes in less, or no kernel of an fp16 or bf16 row in that.
        """
        kernels = [layer for layer in self.layers if "precision" in layer and not _is_reformat(layer)]
        found = {kernel["precision"] for kernel in kernels}
        if precision == "fp32" and found - {"fp32"}:
            kernel = next(kernel for kernel in kernels if kernel["precision"] != "fp32")
            raise EngineError(
                f"a kernel of this fp32 engine computes in {kernel['precision']}: "
                f"{kernel.get('tactic') or kernel.get('name')}"
            )
        if precision in _HALF and found and precision not in found:
            raise EngineError(f"no kernel of this {precision} engine computes in {precision}, all in {_list(found)}")


def inspect_engine(trt: Any, engine: Any) -> Inspection:
    """Read the engine's layers. Never raises: a row without its layers is still a row."""
    try:
        inspector = engine.create_engine_inspector()
        text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
        # TensorRT 8.6 puts a raw 0x1E between the metadata of fused layers (NVIDIA/TensorRT issue 2779).
        return Inspection(tuple(_layer(entry) for entry in json.loads(text, strict=False)["Layers"]))
    except Exception as error:  # whatever a version answers with
        return Inspection((), one_line(error))


def _layer(entry: Any) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        return {"name": _plain(entry)}
    layer = {key: _plain(entry[name]) for name, key in _KEPT.items() if name in entry}
    precision = _kernel_precision(entry)
    return layer if precision is None else {**layer, "precision": precision}


def _plain(value: Any) -> str:
    return _CONTROL_CHARACTERS.sub(" + ", str(value))


def _kernel_precision(entry: Mapping[str, Any]) -> Optional[str]:
    """What a layer multiplies in: the type of its first input but for TF32, which the kernel's name alone shows."""
    tensors = [*(entry.get("Inputs") or ()), *(entry.get("Outputs") or ())]
    found = [precision for tensor in tensors if (precision := _tensor_precision(tensor)) is not None]
    if not found:
        return None
    return "tf32" if found[0] == "fp32" and "tf32" in str(entry.get("TacticName", "")).lower() else found[0]


def _tensor_precision(tensor: Any) -> Optional[str]:
    text = str(tensor.get("Format/Datatype", "") if isinstance(tensor, Mapping) else "").lower()
    if any(word in text for word in _INTEGERS):
        return None
    return next((precision for precision, words in _PRECISIONS if any(word in text for word in words)), None)


def _is_reformat(layer: Mapping[str, str]) -> bool:
    return "reformat" in f"{layer.get('type', '')} {layer.get('name', '')}".lower()


def _list(precisions: set[str]) -> str:
    return " or ".join(sorted(precisions))


def device_memory_bytes(engine: Any) -> int:
    """What the engine needs besides its weights while it runs."""
    # The older name is gone in 11, the newer one not yet there in 8.6.
    return int(engine.device_memory_size_v2 if hasattr(engine, "device_memory_size_v2") else engine.device_memory_size)
