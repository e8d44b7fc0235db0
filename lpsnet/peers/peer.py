"""What the peers have in common."""

from abc import ABC, abstractmethod
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

    Attributes:
        auxiliary: heads that are used in training alone, in the order of `training_scores`; the deploy form has none.
    """

    smallest_side: ClassVar[int] = 32
    """Pixels that the image must be high and wide at least."""
    multiple: ClassVar[int] = 1
    """Of which the image's height and width must be multiples."""
    auxiliary_weight: ClassVar[float] = 1.0
    """How much the loss of each auxiliary head counts beside that of the score maps."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = nn.ModuleList()

    def forward(self, image: Tensor) -> Tensor:
        """Score maps (N, num_classes, h, w) of an image (N, 3, H, W).

        Raises:
            InputError: `image` is not a batch of images, or they have a size that the network does not take.
        """
        self._check(image)
        return self.features(image)[0]

    def training_scores(self, image: Tensor) -> list[Tensor]:
        """The score maps, followed by those of the auxiliary heads, which may be of other sizes."""
        self._check(image)
        scores, *inner = self.features(image)
        return [scores, *(head(maps) for head, maps in zip(self.auxiliary, inner, strict=False))]

    @abstractmethod
    def features(self, image: Tensor) -> list[Tensor]:
        """The score maps, followed by the maps that the auxiliary heads see."""

    def _check(self, image: Tensor) -> None:
        if is_traced():
            return
        if image.dim() != 4 or image.shape[1] != IMAGE_CHANNELS:
            raise InputError(f"image must have the shape (N, 3, H, W), not {tuple(image.shape)}.")
        height, width = image.shape[-2:]
        if min(height, width) < self.smallest_side:
            raise InputError(f"image must be at least {self.smallest_side} pixels high and wide, not {height}x{width}.")
        if height % self.multiple or width % self.multiple:
            raise InputError(
                f"image must have a height and a width that are multiples of {self.multiple}, not {height}x{width}."
            )
