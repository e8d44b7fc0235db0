"""What every runtime offers: whether it is there, which precisions it has, and a model loaded and checked."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from typing import ClassVar, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.cold_caches import cold_caches
from microbench.measure.record import Configuration
from microbench.measure.sampler import one_line
from microbench.measure.session import Session, check_outputs
from microbench.measure.timing import COLD, END_TO_END
from microbench.measure.workload import Workload
from microbench.registry import Extends, Registry

TOLERANCE = {"fp32": 1e-3, "tf32": 1e-2, "fp16": 2e-2, "bf16": 8e-2, "int8": 2e-1}
"""Largest error of a session's output, by precision; see `check_outputs` for what the error is."""
FP32_TOLERANCE_ON_CUDA = 1e-4
"""For blocks in fp32 on a GPU: TF32, which the libraries there like to take, is off by 3e-4 on one of them."""

_PAGE_BYTES = 4096
_CACHE_LINE_BYTES = 64


class Runtime(ABC):
    """One inference runtime. Construction is free and needs nothing installed."""

    name: ClassVar[str]
    distributions: ClassVar[tuple[str, ...]]
    """The packages that bring it, any one of them; the installed one's version is recorded."""
    module: ClassVar[str]
    """What is imported when a model is loaded."""
    precisions: ClassVar[Mapping[str, tuple[str, ...]]]
    """By device ("cpu" or "cuda", the preferred one first): what the runtime computes in there."""
    install: ClassVar[str]
    """The line that makes it available, for `microbench doctor`."""
    max_loads: ClassVar[Optional[int]] = None
    """How often one row's model is loaded anew; None for as often as the sampler likes."""
    min_builds: int = 1
    """Of so many builds a row is measured, where builds differ by chance; each load is of the next of them."""
    timings: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu": (END_TO_END,), "cuda": (END_TO_END,)}
    """By device: how its runs can be timed, the default first; see `microbench.measure.timing`."""
    needs_module: ClassVar[bool] = False
    """Whether it runs the torch module itself rather than its ONNX export."""

    def missing(self, device: str) -> Optional[str]:
        """Why the runtime cannot run on `device` here, or None if nothing is missing. Never raises.

        The package is looked for, not imported, unless its device can be found in no other way: see `broken`.
        """
        try:
            if importlib.util.find_spec(self.module) is None:
                return f"the Python package {self.distributions[0]} is not installed"
            return self.missing_device(device)
        except Exception as error:
            return self._unusable(error)

    def broken(self) -> Optional[str]:
        """Why the installed package cannot be imported, or None if it can: a library that it needs is missing, say."""
        try:
            importlib.import_module(self.module)
        except Exception as error:
            return self._unusable(error)
        return None

    def _unusable(self, error: Exception) -> str:
        return f"the Python package {self.distributions[0]} cannot be used ({one_line(error)})"

    def missing_device(self, device: str) -> Optional[str]:
        """Why `device` is out of reach although the package is installed, or None."""
        return None if device == "cpu" else f"it does not run on {device}"

    def version(self) -> str:
        """The installed version; "unknown" where the package does not say."""
        for distribution in self.distributions:
            try:
                return importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                continue
        return "unknown"

    def build_ahead(self, workload: Workload, configuration: Configuration, build: int) -> bool:  # noqa: ARG002
        """Make one of a row's builds and keep it for later loads, in other processes too; whether anything was done."""
        return False

    @abstractmethod
    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """Load the workload's model; the session runs it on `inputs`, which it may keep and must not change."""

    def load_checked(self, workload: Workload, configuration: Configuration, layout_seed: int) -> Session:
        """Load the model with its inputs placed anew in memory, run it once, and compare its output with the reference.

        A session whose configuration says that caches are cold empties them before each run that it times.

        Raises:
            WrongOutputError: the output is not the reference's within the precision's tolerance.
        """
        rng = np.random.default_rng(layout_seed)
        inputs = {name: placed(value, rng) for name, value in workload.inputs.items()}
        session = self.load(workload, configuration, inputs)
        try:
            session.enqueue(1)
            session.synchronize()
            check_outputs(session.outputs(), workload.reference, tolerance_of(workload, configuration))
        except BaseException:
            session.close()
            raise
        if configuration.cache == COLD:
            session.empty_caches = cold_caches(configuration.threads)
        return session


def tolerance_of(workload: Workload, configuration: Configuration) -> float:
    """Largest error of a session's output, relative to the float32 reference."""
    if configuration.precision == "fp32" and configuration.device == "cuda" and not workload.whole_network:
        return FP32_TOLERANCE_ON_CUDA
    return TOLERANCE[configuration.precision]


RUNTIMES: Registry[Runtime] = Registry(
    "runtime", "microbench.runtimes", Extends(Runtime, ("name", "distributions", "module", "precisions", "install"))
)


def placed(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A copy of `values` at a random cache line of a page: one draw of the memory layouts that users get."""
    offset = int(rng.integers(_PAGE_BYTES // _CACHE_LINE_BYTES)) * _CACHE_LINE_BYTES
    room = np.empty(values.nbytes + 2 * _PAGE_BYTES, dtype=np.uint8)
    start = -room.ctypes.data % _PAGE_BYTES + offset
    copy: NDArray[np.float32] = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy
