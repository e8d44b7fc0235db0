"""DF1 and DF2, the networks that partial order pruning found."""

from torch import Tensor, nn

from lpsnet.peers.dual_residual import BasicUnit
from lpsnet.peers.layers import conv_norm

Stage = tuple[int, int, int]
"""Channels, residual units, and the stride of the first of them."""


class DfNet(nn.Module):
    """A plain residual network behind a stem at a quarter of the image's size.

    Source: Li et al. 2019, arXiv 1903.03777; the code of SFNet's authors (lxtGH/SFSegNets, whose licence we did not
    find) was read for the stages and for which maps are taken.

    Shapes: from an image (N, 3, H, W) to the maps of the last three stages in `taken`.

    Args:
        stages: behind the stem.
        taken: the numbers of the stages whose maps are yielded, from 0.
    """

    def __init__(self, stages: tuple[Stage, ...], taken: tuple[int, int, int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_norm(3, 32, stride=2), conv_norm(32, 64, stride=2))
        before = 64
        built = []
        for channels, units, stride in stages:
            first = BasicUnit(before, channels, stride)
            built.append(nn.Sequential(first, *(BasicUnit(channels, channels) for _ in range(units - 1))))
            before = channels
        self.stages = nn.ModuleList(built)
        self.taken = taken
        self.channels = tuple(stages[number][0] for number in taken)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The taken maps, the finest first."""
        maps = self.stem(image)
        found = []
        for number, stage in enumerate(self.stages):
            maps = stage(maps)
            if number in self.taken:
                found.append(maps)
        return tuple(found)


def df1() -> DfNet:
    """DF1: maps of 128 channels at 1/16, and of 256 and 512 at 1/32."""
    return DfNet(((64, 3, 2), (128, 3, 2), (256, 3, 2), (512, 1, 1)), (1, 2, 3))


def df2() -> DfNet:
    """DF2: maps of 128 channels at 1/8, 256 at 1/16 and 512 at 1/32."""
    return DfNet(((64, 2, 2), (128, 1, 1), (128, 10, 2), (256, 1, 1), (256, 4, 2), (512, 2, 1)), (1, 3, 5))
