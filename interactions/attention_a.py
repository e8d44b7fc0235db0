"""Attention-A: the low path's attention weighs the low path against the high one."""

from torch import Tensor, nn

from interactions.interaction import Cascade
from interactions.registry import INTERACTIONS
from interactions.resize import resize
from interactions.transformation import attention, transformation


@INTERACTIONS.register("attention_a")
class AttentionA(Cascade):
    """x_h' = U(F_l(x_l) * a) + F_h(x_h) * U(1 - a) and x_l' = F_l(x_l) * a, with a = Att(x_l).

    It is "Attention-A" of LPS-Net's Table 3.

    Source: LPS-Net, arXiv 2207.13600, equation 1 and Figure 6(c); Att is that of Tao et al. 2020, arXiv 2005.10821.

    Our reading: the F of the low path is one and the same convolution in both lines of equation 1, that of the high
    path is another; both are conv - BN - ReLU; more than two paths are chained from the lowest upwards, as Tao et al.
    chain their scales.

    Args:
        channels: channels of every path's map, at least 1.
        paths: how many paths there are, at least 1.
        kernel_size: kernel of F_l and F_h, odd.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2, kernel_size: int = 3) -> None:
        super().__init__(channels, paths, lambda: _Pair(channels, kernel_size))


class _Pair(nn.Module):
    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.attention = attention(channels)
        self.low = transformation(channels, channels, kernel_size)
        self.high = transformation(channels, channels, kernel_size)

    def forward(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        size = high.shape[-2:]
        attended = self.attention(low)
        new_low = self.low(low) * attended
        return resize(new_low, size) + self.high(high) * resize(1 - attended, size), new_low
