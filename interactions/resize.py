"""The one way in which LPS-Net resizes images, feature maps and score maps."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

from interactions.tracing import is_traced


def resize(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize bilinearly, with aligned corners and without antialiasing.

    It is U and D of LPS-Net's equations 1 and 2 (arXiv 2207.13600). The paper does not say how it resizes: bilinear
    with aligned corners is what the authors' code does.

    Args:
        maps: (N, C, H, W).
        size: the wanted (height, width) in pixels, each at least 1.

    Returns:
        (N, C, height, width) of that size; `maps` itself where it has it already.
    """
    # A trace is replayed at other sizes, where the two may differ: it always holds the resize, which changes nothing
    # where they agree.
    if not is_traced() and tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return interpolate(maps, size=tuple(size), mode="bilinear", align_corners=True)
