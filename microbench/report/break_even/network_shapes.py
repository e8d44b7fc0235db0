"""The shapes that the blocks of LPS-Net have."""

from __future__ import annotations

from lpsnet.architecture import FIRST_STRIDES
from lpsnet.family import architecture
from microbench.report.break_even.cell import Shape
from microbench.report.published import PAPER_RESOLUTION

NETWORKS = {"LPS-Net-S": "lpsnet-s", "LPS-Net-M": "lpsnet-m", "LPS-Net-L": "lpsnet-l"}


def network_shapes(name: str, image: str = PAPER_RESOLUTION) -> list[Shape]:
    """The shapes of the blocks that have as many channels in as out, in all paths.

    Stages of a single block have none: that block changes width and resolution.

    >>> [shape.label for shape in network_shapes("lpsnet-s")]
    ['24 at 192x384', '48 at 96x192', '96 at 48x96', '24 at 64x128', '48 at 32x64', '96 at 16x32']

    Args:
        name: of a network of the family.
        image: its height x width in pixels; by default the paper's.

    Raises:
        InputError: there is no such network.
    """
    design = architecture(name)
    found: dict[Shape, None] = {}
    for ratio in design.ratios:
        height, width = (int(int(side) * ratio) for side in image.split("x"))
        for depth, channels, stride in zip(design.depth, design.width, FIRST_STRIDES, strict=True):
            height, width = -(-height // stride), -(-width // stride)
            if depth > 1:
                found[Shape(channels, height, width)] = None
    return list(found)
