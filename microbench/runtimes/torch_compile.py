"""torch.compile with Inductor: fused C++ kernels with frozen weights."""

from __future__ import annotations

import shutil
from typing import Any, Optional

from microbench.runtimes.base import RUNTIMES
from microbench.runtimes.torch_eager import TorchEager


@RUNTIMES.register("torch-compile")
class TorchCompile(TorchEager):
    """`torch.compile` by the Inductor backend, static shapes, weights frozen into the compiled code."""

    name = "torch-compile"
    install = "pip install torch, and a C++ compiler (apt-get install g++)"
    max_loads = 2  # a load is a compilation of several seconds

    def missing_device(self, device: str) -> Optional[str]:
        """Inductor writes C++."""
        found = any(shutil.which(compiler) for compiler in ("g++", "clang++", "c++"))
        return super().missing_device(device) if found else "Inductor needs a C++ compiler"

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
