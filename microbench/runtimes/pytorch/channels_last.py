"""PyTorch eager with weights and maps in channels_last (NHWC), the layout that oneDNN's convolutions run in."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np
from numpy.typing import NDArray

from microbench.measure.timing import END_TO_END
from microbench.runtimes.base import RUNTIMES
from microbench.runtimes.pytorch.eager import TorchEager
from microbench.runtimes.pytorch.session import TorchSession


@RUNTIMES.register("torch-eager-channels-last")
class TorchEagerChannelsLast(TorchEager):
    """As `torch-eager`, which keeps torch's default layout (NCHW), but with `memory_format=torch.channels_last`.

    The inputs are laid out so before any run, as a network's maps are between its layers: no conversion at the ends is
    in the time of a run that keeps the layout.
    """

    name = "torch-eager-channels-last"
    precisions = {"cpu": ("fp32", "bf16", "fp16")}
    timings = {"cpu": (END_TO_END,)}

    def session(
        self, torch: Any, module: Any, inputs: Mapping[str, NDArray[np.float32]], dtype: Any, *, worker_threads: bool
    ) -> TorchSession:
        """See the base class."""
        laid_out = module.to(memory_format=torch.channels_last)
        return _ChannelsLastSession(torch, laid_out, inputs, dtype, worker_threads=worker_threads)


class _ChannelsLastSession(TorchSession):
    def _argument(self, value: NDArray[Any]) -> Any:
        tensor = super()._argument(value)
        return tensor.to(memory_format=self._torch.channels_last) if tensor.dim() == 4 else tensor
