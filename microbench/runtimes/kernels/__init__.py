"""Which kernels a runtime executes for a model: `kernel` is the record of one, each other file asks one library."""

from __future__ import annotations

from microbench.runtimes.kernels.kernel import Kernel, describe_kernels, padded_macs

__all__ = ["Kernel", "describe_kernels", "padded_macs"]
