"""TensorRT on NVIDIA GPUs, versions 8.6 to 11, through its Python API; pycuda for memory, streams and events.

`build` makes an engine of an ONNX model, `precision` says how each version is told its precision, `engine_cache` keeps
engines, `session` runs one, `inspect` reads its layers.
"""

from __future__ import annotations

from microbench.runtimes.tensorrt.runtime import TensorRT

__all__ = ["TensorRT"]
