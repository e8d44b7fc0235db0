"""The unit of ShuffleNetV2."""

import torch
from torch import Tensor, nn

from blocks.arguments import require_at_least, require_shape
from blocks.layers import depthwise, normalised, pointwise
from blocks.registry import BLOCKS


@BLOCKS.register("shufflenet")
class ShuffleNetUnit(nn.Module):
    """Two branches, each of which computes half of the channels, and a channel shuffle.

    It is "ShuffleNet Unit" of LPS-Net's Table 2.

    Source: ShuffleNetV2, Ma et al. 2018, arXiv 1807.11164, section 3 and Figure 3(c) and (d).

    Layers, where stride is 1 and the widths are equal (Figure 3(c)):
        the input is split into a left and a right half;
        left: passed on as it is;
        right: pointwise 1×1 - BN - ReLU - depthwise 3×3 - BN - pointwise 1×1 - BN - ReLU;
        concatenation, channel shuffle in 2 groups.
    Layers otherwise (Figure 3(d), also for a change of width at stride 1, which the original networks do not have):
        left: depthwise 3×3 (stride) - BN - pointwise 1×1 - BN - ReLU, of the whole input;
        right: as above, of the whole input, with the stride in the depthwise convolution;
        concatenation, channel shuffle in 2 groups.

    Odd widths are our choice, as the paper only has even ones: of c channels the left branch has ceil(c / 2) and the
    right floor(c / 2), and the shuffle deals them out alternately, left first, as it does with equal halves: the left
    branch's surplus channel comes last.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 2: one for each branch.
        stride: 1 or 2.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        require_shape(in_channels, out_channels, stride)
        require_at_least("out_channels of block 'shufflenet'", out_channels, 2)
        right_channels = out_channels // 2
        left_channels = out_channels - right_channels
        self.splits = stride == 1 and in_channels == out_channels
        self.split_sizes = [left_channels, right_channels]
        self.left: nn.Module = nn.Identity()
        if not self.splits:
            self.left = nn.Sequential(
                *normalised(depthwise(in_channels, stride)),
                *normalised(pointwise(in_channels, left_channels), nn.ReLU),
            )
        self.right = nn.Sequential(
            *normalised(pointwise(right_channels if self.splits else in_channels, right_channels), nn.ReLU),
            *normalised(depthwise(right_channels, stride)),
            *normalised(pointwise(right_channels, right_channels), nn.ReLU),
        )
        self.shuffle = _HalvesShuffle() if out_channels % 2 == 0 else _UnequalHalvesShuffle(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Both branches' channels, alternating."""
        left, right = torch.split(features, self.split_sizes, dim=1) if self.splits else (features, features)
        shuffled: Tensor = self.shuffle(torch.cat((self.left(left), self.right(right)), dim=1))
        return shuffled


class _HalvesShuffle(nn.Module):
    """Channel shuffle in 2 groups, in its published form: reshape to (N, 2, C / 2, H, W), transpose, reshape back."""

    def forward(self, features: Tensor) -> Tensor:
        batch, channels, height, width = features.shape
        grouped = features.reshape(batch, 2, channels // 2, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class _UnequalHalvesShuffle(nn.Module):
    """The same order for an odd number of channels, which no reshape can deal out: by a gather."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # With C channels and room for one more, the order of equal halves ends in the channel that is not there.
        order = torch.arange(channels + 1).reshape(2, -1).t().flatten()[:channels]
        # Not persistent: it follows from the width, and a checkpoint has no use for it.
        self.register_buffer("order", order, persistent=False)
        self.order: Tensor

    def forward(self, features: Tensor) -> Tensor:
        return features.index_select(1, self.order)
