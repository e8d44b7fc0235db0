"""Engines kept on disk: a build takes from seconds to minutes, and is the same model's on the same device."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Optional

from microbench.measure.workload import Workload
from microbench.runtimes.tensorrt.build import MAX_WORKSPACE_BYTES, OPTIMIZATION_LEVEL, build_plan, replace_file
from microbench.runtimes.tensorrt.errors import EngineError, make_logger, reasons
from microbench.runtimes.tensorrt.precision import recipe

FOLDER_VARIABLE = "MICROBENCH_CACHE"
"""Environment variable that says where the cache lies; else it is in the user's cache folder."""


@dataclass(frozen=True)
class Engine:
    """An engine in memory, and where it comes from."""

    engine: Any
    runtime: Any
    """TensorRT's own, which must live as long as the engine."""
    logger: Any
    build: int
    origin: str
    """"built", "cached", or "rebuilt" because the cached one could not be read."""
    build_s: Optional[float]
    """None where it was not built now."""
    plan_bytes: int


def cache_folder() -> Path:
    """Where engines and timing caches lie."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "lpsnet-microbench"


@contextlib.contextmanager
def cache_in(folder: Optional[Path]) -> Iterator[None]:
    """Within it, and in processes started in it, engines and timing caches lie in `folder`; None changes nothing."""
    before = os.environ.get(FOLDER_VARIABLE)
    if folder is not None:
        os.environ[FOLDER_VARIABLE] = str(folder.resolve())
    try:
        yield
    finally:
        if before is not None:
            os.environ[FOLDER_VARIABLE] = before
        else:
            os.environ.pop(FOLDER_VARIABLE, None)


def load_engine(trt: Any, device: Any, workload: Workload, precision: str, build: int) -> Engine:
    """The engine of `workload` on this device: from the cache where it is there and can be read, else built.

    Each build has a timing cache of its own, shared by all models. With one for all builds, the second would look up
    what the first had timed, and choose the same kernels: their spread would be 0 whatever the next build draws.

    Args:
        trt: the tensorrt module.
        device: a `PycudaDevice`.
        workload: the model, and the inputs that int8 is calibrated on.
        precision: one of TensorRT's.
        build: which of several builds of the same.

    Raises:
        EngineError: it cannot be built or read.
    """
    logger = make_logger(trt)
    runtime = trt.Runtime(logger)
    path = cache_folder() / "tensorrt" / f"{_key(trt, device, workload, precision)}-{build}.engine"
    cached = path.read_bytes() if path.exists() else None
    if cached is not None:
        engine = runtime.deserialize_cuda_engine(cached)
        if engine is not None:
            return Engine(engine, runtime, logger, build, "cached", None, len(cached))
        warnings.warn(f"a cached engine cannot be read and is built again: {reasons(logger.errors)}", stacklevel=2)
    start = time.perf_counter()
    plan = build_plan(
        trt,
        logger,
        device,
        recipe(trt, workload, precision),
        tf32=precision == "tf32",
        calibration=workload.calibration or (workload.inputs,),
        timing_cache=path.with_name(f"{_digest(trt.__version__, device.name)}-{build}.timing"),
    )
    build_s = time.perf_counter() - start
    replace_file(path, plan)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise EngineError(f"the engine just built cannot be read: {reasons(logger.errors)}")
    origin = "built" if cached is None else "rebuilt"
    return Engine(engine, runtime, logger, build, origin, build_s, len(plan))


def _key(trt: Any, device: Any, workload: Workload, precision: str) -> str:
    settings = (trt.__version__, device.name, device.compute_capability, precision)
    limits = (MAX_WORKSPACE_BYTES, OPTIMIZATION_LEVEL)
    parts: list[Any] = [workload.onnx_model, *settings, *limits]
    if precision == "int8":
        for batch in workload.calibration or (workload.inputs,):
            parts += [item for name in sorted(batch) for item in (name, batch[name].tobytes())]
    return _digest(*parts)


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:32]
