"""torch.compile with Inductor: fused kernels (C++ on a CPU, Triton on a GPU) with frozen weights."""

from __future__ import annotations

import importlib.util
import shutil
from typing import Any, Optional

from microbench.runtimes.base import RUNTIMES
from microbench.runtimes.pytorch.eager import TorchEager

_COMPILERS = {"cpu": ("C++", ("g++", "clang++", "c++")), "cuda": ("C", ("gcc", "clang", "cc"))}


@RUNTIMES.register("torch-compile")
class TorchCompile(TorchEager):
    """`torch.compile` by the Inductor backend, static shapes, weights frozen into the compiled code."""

    name = "torch-compile"
    install = "pip install torch, and a C++ compiler (apt-get install g++)"
    max_loads = 2  # a load is a compilation of several seconds

    def missing_device(self, device: str) -> Optional[str]:
        """Inductor writes C++ for a CPU; for a GPU it needs Triton, which compiles its launchers in C."""
        missing = super().missing_device(device)
        if missing is not None:
            return missing
        if device == "cuda" and importlib.util.find_spec("triton") is None:
            return "Inductor needs the Python package triton"
        language, compilers = _COMPILERS[device]
        found = any(shutil.which(compiler) for compiler in compilers)
        return None if found else f"Inductor needs a {language} compiler"

    def prepare(self, module: Any) -> Any:
        """Compile; the first call, before any timing, does the work."""
        import torch
        from torch._inductor import config

        config.freezing = True

        def call(*arguments: Any) -> Any:
            return module(*arguments)

        # What is compiled is kept with the code of the function, eight times at most: each load has a code of its own.
        call.__code__ = call.__code__.replace()
        # fullgraph: falling back to eager for a part of the model would be timed as compiled code.
        return torch.compile(call, fullgraph=True, dynamic=False)
