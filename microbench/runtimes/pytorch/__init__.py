"""PyTorch's runtimes: eager (in either layout), compiled by Inductor, and replayed as CUDA graphs.

`eager`, `channels_last`, `compile` and `cuda_graph` are the runtimes, on a CPU and on NVIDIA GPUs; `session` and
`cuda_session` run a module, `stream` is a CUDA one.
"""

from __future__ import annotations

from microbench.runtimes.pytorch.channels_last import TorchEagerChannelsLast
from microbench.runtimes.pytorch.compile import TorchCompile
from microbench.runtimes.pytorch.cuda_graph import TorchCudaGraph
from microbench.runtimes.pytorch.eager import TorchEager

__all__ = ["TorchCompile", "TorchCudaGraph", "TorchEager", "TorchEagerChannelsLast"]
