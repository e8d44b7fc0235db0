"""Direct-B: the low path's features are concatenated to the high path's."""

import torch
from torch import Tensor, nn

from interactions.interaction import Cascade
from interactions.registry import INTERACTIONS
from interactions.resize import resize
from interactions.transformation import transformation


@INTERACTIONS.register("direct_b")
class DirectB(Cascade):
    """x_h' = F([x_h, U(x_l)]) and x_l' = x_l: "Direct-B" of LPS-Net's Table 3.

    Source: LPS-Net, arXiv 2207.13600, section 3.3 ("channel-wise concatenation") and Figure 6(b).

    Our reading: F, a conv - BN - ReLU from 2C channels back to C, is the only transformation; more than two paths are
    chained from the lowest upwards.

    Args:
        channels: channels C of every path's map, at least 1.
        paths: how many paths there are, at least 1.
        kernel_size: kernel of F, odd.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2, kernel_size: int = 3) -> None:
        super().__init__(channels, paths, lambda: _Pair(channels, kernel_size))


class _Pair(nn.Module):
    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.merge = transformation(2 * channels, channels, kernel_size)

    def forward(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        return self.merge(torch.cat((high, resize(low, high.shape[-2:])), dim=1)), low
