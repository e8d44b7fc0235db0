"""What the builder made of a model: its layers, with the kernels ("tactics") it chose."""

from __future__ import annotations

import json
from typing import Any, Mapping

_KEPT = {"Name": "name", "LayerType": "type", "TacticName": "tactic"}
"""Of a layer's many properties; the rest (formats, weights' sizes) would make a record of a network megabytes long."""


def layers(trt: Any, engine: Any) -> list[dict[str, str]]:
    """The engine's layers in the order in which they run, e.g. [{"name": ..., "type": ..., "tactic": ...}].

    A layer that was built without detail has its name alone.
    """
    inspector = engine.create_engine_inspector()
    text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    return [_layer(entry) for entry in json.loads(text)["Layers"]]


def _layer(entry: Any) -> dict[str, str]:
    if not isinstance(entry, Mapping):
        return {"name": str(entry)}
    return {key: str(entry[name]) for name, key in _KEPT.items() if name in entry}


def device_memory_bytes(engine: Any) -> int:
    """What the engine needs besides its weights while it runs."""
    # The older name is gone in 11, the newer one not yet there in 8.6.
    return int(engine.device_memory_size_v2 if hasattr(engine, "device_memory_size_v2") else engine.device_memory_size)
