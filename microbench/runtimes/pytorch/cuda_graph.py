"""PyTorch with CUDA graphs: the kernels of eager mode, launched all at once."""

from __future__ import annotations

from microbench.measure.timing import END_TO_END, ISOLATED, KERNEL_SPAN
from microbench.runtimes.base import RUNTIMES
from microbench.runtimes.pytorch.eager import TorchEager


@RUNTIMES.register("torch-cuda-graph")
class TorchCudaGraph(TorchEager):
    """One call of the module captured by `torch.cuda.CUDAGraph`, after warming up on a side stream, and replayed.

    Its kernel span is that of `torch-eager`: it is the time of captured runs in either.
    """

    name = "torch-cuda-graph"
    precisions = {"cuda": ("fp32", "tf32", "fp16", "bf16")}
    install = "pip install torch on a machine with an NVIDIA driver"
    timings = {"cuda": (KERNEL_SPAN, ISOLATED, END_TO_END)}
    replays = True
