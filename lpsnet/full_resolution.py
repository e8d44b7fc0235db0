"""The full-resolution protocol: what a user of a segmentation network runs, and the paper's latencies leave out."""

import torch
from torch import Tensor, nn

from interactions.resize import resize


class FullResolutionArgmax(nn.Module):
    """A network, the bilinear upsampling of its scores to the image's size, and the best class of each pixel.

    The paper's latencies (arXiv 2207.13600, Tables 2 to 4) end at the score maps. A latency of this module follows
    another protocol and is never in one column with them.

    Shapes: from an image (N, 3, H, W) to classes (N, H, W), 8-bit unsigned integers.

    Args:
        network: maps an image (N, 3, H, W) to score maps (N, num_classes, h, w), of at most 255 classes.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """The class map (N, H, W) of an image (N, 3, H, W)."""
        return _classes(self.network(image), image.shape[-2:])


class UpsampledArgmax(nn.Module):
    """What `FullResolutionArgmax` does with a network's scores, by itself, to be timed apart from the network.

    Shapes: from score maps (N, C, h, w) to classes (N, H, W), 8-bit unsigned integers.

    Args:
        size: (H, W) of the image in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, scores: Tensor) -> Tensor:
        """The class map (N, H, W) of score maps (N, C, h, w)."""
        return _classes(scores, torch.Size(self.size))


def _classes(scores: Tensor, size: torch.Size) -> Tensor:
    classes = resize(scores, size).argmax(dim=1)
    if torch.onnx.is_in_onnx_export():
        # TensorRT has 32-bit integers of an ArgMax, and converts none but floating-point values to 8 bits.
        classes = classes.float()
    return classes.byte()
