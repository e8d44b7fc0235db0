"""Direct-A: the low path's features are added to the high path's."""

from torch import Tensor, nn

from interactions.interaction import Cascade
from interactions.registry import INTERACTIONS
from interactions.resize import resize
from interactions.transformation import transformation


@INTERACTIONS.register("direct_a")
class DirectA(Cascade):
    """x_h' = U(F_l(x_l)) + F_h(x_h) and x_l' = x_l: "Direct-A" of LPS-Net's Table 3.

    Source: LPS-Net, arXiv 2207.13600, section 3.3 and Figure 6(a), without an equation; the cascade feature fusion of
    ICNet, Zhao et al. 2018, arXiv 1704.08545, puts a 3×3 convolution on the low path and a 1×1 one on the high path,
    and chains the fusions where there are more than two paths.

    Our reading: F_l and F_h are conv - BN - ReLU; F_l runs before the upsampling and without ICNet's dilation.

    Args:
        channels: channels of every path's map, at least 1.
        paths: how many paths there are, at least 1.
        kernel_size: kernel of F_l, odd.
        high_kernel_size: kernel of F_h, odd.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2, kernel_size: int = 3, high_kernel_size: int = 1) -> None:
        super().__init__(channels, paths, lambda: _Pair(channels, kernel_size, high_kernel_size))


class _Pair(nn.Module):
    def __init__(self, channels: int, kernel_size: int, high_kernel_size: int) -> None:
        super().__init__()
        self.low = transformation(channels, channels, kernel_size)
        self.high = transformation(channels, channels, high_kernel_size)

    def forward(self, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        return resize(self.low(low), high.shape[-2:]) + self.high(high), low
