"""What the peers have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from interactions.tracing import is_traced
from lpsnet.network import IMAGE_CHANNELS
from microbench.errors import InputError


class Peer(nn.Module, ABC):
    """A published segmentation network.

    Shapes: from an image (N, 3, H, W), normalised as for LPS-Net, to score maps (N, num_classes, h, w) at the
    resolution of the network's own classifier. As with LPS-Net the final upsampling to the image's size is left out;
    see `lpsnet.FullResolutionArgmax`.
    """

    auxiliary_names: ClassVar[Sequence[str]] = ()
    """Attributes that hold the heads used in training alone; the deploy form is without them."""
    smallest_side: ClassVar[int] = 32
    """Pixels that the image must be high and wide at least."""

    def forward(self, image: Tensor) -> Tensor:
        """Score maps (N, num_classes, h, w) of an image (N, 3, H, W).

        Raises:
            InputError: `image` is not a batch of images, or they are too small.
        """
        self.check(image)
        return self.scores(image)[0]

    @abstractmethod
    def scores(self, image: Tensor) -> list[Tensor]:
        """The score maps, followed in training mode by those of the auxiliary heads, which may have other sizes."""

    def check(self, image: Tensor) -> None:
        """Refuse what is not an image that the network can see something of."""
        if is_traced():
            return
        if image.dim() != 4 or image.shape[1] != IMAGE_CHANNELS:
            raise InputError(f"image must have the shape (N, 3, H, W), not {tuple(image.shape)}.")
        if min(image.shape[-2:]) < self.smallest_side:
            raise InputError(
                f"image must be at least {self.smallest_side} pixels high and wide, "
                f"not {image.shape[-2]}x{image.shape[-1]}."
            )
