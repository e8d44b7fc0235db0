"""From an ONNX model to a serialised engine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Optional, Sequence

from microbench.runtimes.tensorrt.calibrator import Batch, make_calibrator
from microbench.runtimes.tensorrt.errors import EngineError, reasons
from microbench.runtimes.tensorrt.precision import Recipe

MAX_WORKSPACE_BYTES = 4 << 30
OPTIMIZATION_LEVEL = 3
"""TensorRT's own default: higher levels try more kernels, and take longer."""
TIMING_ITERATIONS = 8
"""Over so many runs the builder averages a kernel's time, as trtexec has it; TensorRT's own default is 1."""

_EXPLICIT_BATCH = 1
"""Bit of the network's creation flags: needed by 8.6, ignored by 10, and in 11 that of strong typing, which it always
has."""
_MAP_DIMENSIONS = 4
_OWN_TACTICS = ("EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")


def build_plan(
    trt: Any,
    logger: Any,
    device: Any,
    recipe: Recipe,
    *,
    tf32: bool,
    calibration: Sequence[Batch],
    timing_cache: Path,
) -> bytes:
    """Build an engine.

    Args:
        trt: the tensorrt module.
        logger: from `make_logger`.
        device: a `PycudaDevice`.
        recipe: the model and how it gets its precision.
        tf32: whether float32 products may be rounded to TF32's 10 bits.
        calibration: inputs by name to read int8 ranges off, where the recipe is calibrated.
        timing_cache: file of what kernels took in earlier builds; read where it is there, and written.

    Returns:
        The serialised engine.

    Raises:
        EngineError: the model has what TensorRT does not know, or the builder finds no way to build it.
    """
    logger.errors.clear()
    builder = trt.Builder(logger)
    network = builder.create_network(_EXPLICIT_BATCH)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(recipe.onnx_model):
        found = [" ".join(parser.get_error(i).desc().split()) for i in range(parser.num_errors)]
        raise EngineError(f"the ONNX model is not understood: {reasons(found)}")
    _set_ends(trt, network, recipe)
    config = builder.create_builder_config()
    _configure(trt, config, device.memory_bytes, recipe.flag, tf32=tf32)
    # The builder keeps no reference of its own to the calibrator.
    calibrator = make_calibrator(trt, device, calibration) if recipe.calibrated else None
    if calibrator is not None:
        config.int8_calibrator = calibrator
    known = timing_cache.read_bytes() if timing_cache.exists() else b""
    config.set_timing_cache(config.create_timing_cache(known), False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"the builder made no engine: {reasons(logger.errors)}")
    replace_file(timing_cache, bytes(config.get_timing_cache().serialize()))
    return bytes(plan)


def _set_ends(trt: Any, network: Any, recipe: Recipe) -> None:
    """Say in which types and layouts inputs and outputs lie, as trtexec does by `--inputIOFormats`.

    float32 and all else lies in rows, as the paper's protocol and users' images have it. Half precision lies in rows or
    with its channels last, as the builder likes it best: nothing then has to be converted within a run.
    """
    in_rows = 1 << int(trt.TensorFormat.LINEAR)
    either = in_rows | 1 << int(trt.TensorFormat.HWC8)
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    for tensor in (*inputs, *outputs):
        # A strongly typed network has the half type from its model.
        if recipe.half_type is not None and recipe.flag is not None and tensor.dtype == trt.DataType.FLOAT:
            tensor.dtype = getattr(trt.DataType, recipe.half_type)
        is_half = recipe.half_type is not None and tensor.dtype == getattr(trt.DataType, recipe.half_type)
        tensor.allowed_formats = either if is_half and len(tensor.shape) == _MAP_DIMENSIONS else in_rows


def _configure(trt: Any, config: Any, memory_bytes: int, flag: Optional[str], *, tf32: bool) -> None:
    # A device that shares its memory with the host (Jetson) needs some of it for other things.
    workspace = min(MAX_WORKSPACE_BYTES, memory_bytes // 2)
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    config.builder_optimization_level = OPTIMIZATION_LEVEL
    config.avg_timing_iterations = TIMING_ITERATIONS
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if tf32:
        config.set_flag(trt.BuilderFlag.TF32)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)
    if flag is not None:
        config.set_flag(getattr(trt.BuilderFlag, flag))
    # cuDNN and cuBLAS are out by default in later versions, and need not be installed: out in all, for like with like.
    sources = 0
    for name in _OWN_TACTICS:
        if hasattr(trt.TacticSource, name):
            sources |= 1 << int(getattr(trt.TacticSource, name))
    config.set_tactic_sources(sources)


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` so that another process finds the old file or the new one, and never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
