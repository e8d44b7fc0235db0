"""Random changes of a batch of training images, as the paper's section 4.2 names them."""

import kornia.augmentation
import kornia.enhance
import torch
from kornia.geometry.transform import warp_affine
from torch import Tensor, nn

from lpsnet.classes import IGNORED
from lpsnet.normalisation import DEVIATION, MEAN
from lpsnet.training.recipe import Recipe


class Augmentation(nn.Module):
    """Scale, mirror and crop images with their labels, jitter the images' colours, and normalise them.

    Scaling, mirroring and cropping are one sampling of the frame. Where the crop reaches beyond the frame the image is
    black, before it is normalised, and the label `IGNORED`. All randomness is drawn from torch's default generator.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.size = (recipe.crop_height, recipe.crop_width)
        self.scales = (recipe.input_scale * recipe.scale_low, recipe.input_scale * recipe.scale_high)
        self.flip = recipe.flip
        strength = recipe.colour_jitter
        self.jitter = kornia.augmentation.ColorJitter(strength, strength, strength, p=1.0) if strength else None

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised crops (N, 3, h, w) and their labels (N, h, w) as integers of 64 bits.

        Args:
            images: 8-bit RGB (N, 3, H, W).
            labels: 8-bit (N, H, W).
        """
        matrices = self._matrices(len(images), images.shape[-2:]).to(images.device)
        scaled = warp_affine(images.float().div_(255), matrices, self.size, mode="bilinear", padding_mode="zeros")
        if self.jitter is not None:
            scaled = self.jitter(scaled)
        # What lies outside the frame is sampled as 0: so 0 must stand for the ignored label.
        shifted = labels[:, None].float().sub_(IGNORED)
        cropped = warp_affine(shifted, matrices, self.size, mode="nearest", padding_mode="zeros")[:, 0]
        normalised = kornia.enhance.normalize(scaled, torch.tensor(MEAN), torch.tensor(DEVIATION))
        return normalised, cropped.add_(IGNORED).round_().long()

    def _matrices(self, count: int, size: torch.Size) -> Tensor:
        """Affine matrices (N, 2, 3) from pixels of the frame to pixels of the crop."""
        low, high = self.scales
        scale = low + (high - low) * torch.rand(count)
        mirrored = torch.rand(count) < 0.5 if self.flip else torch.zeros(count, dtype=torch.bool)
        matrices = torch.zeros(count, 2, 3)
        for axis, (source, target) in enumerate(zip((size[1], size[0]), (self.size[1], self.size[0]), strict=True)):
            # The crop lies anywhere in the scaled frame, or the frame anywhere in a larger crop.
            matrices[:, axis, 2] = (target - source * scale) * torch.rand(count)
            matrices[:, axis, axis] = scale
        width = self.size[1]
        matrices[mirrored, 0, 0] *= -1
        matrices[mirrored, 0, 2] = width - 1 - matrices[mirrored, 0, 2]
        return matrices
