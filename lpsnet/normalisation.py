"""How an image is scaled before a network sees it: in training, evaluation and prediction alike."""

import torch
from torch import Tensor

from microbench.errors import InputError

MEAN = (0.485, 0.456, 0.406)
"""ImageNet's mean of red, green and blue, scaled to 0..1."""
DEVIATION = (0.229, 0.224, 0.225)
"""ImageNet's standard deviation, likewise."""

_MOST = 255


def normalise(image: Tensor) -> Tensor:
    """Scale an image to 0..1, subtract ImageNet's mean and divide by its deviation.

    The paper does not print its constants (LPS-Net, arXiv 2207.13600); these are the usual ones.

    Args:
        image: RGB, 8-bit unsigned integers, (..., 3, H, W).

    Returns:
        float32, of the same shape and on the same device.

    Raises:
        InputError: the image has another type or shape.
    """
    if image.dtype != torch.uint8 or image.dim() < 3 or image.shape[-3] != len(MEAN):
        shape = tuple(image.shape)
        raise InputError(
            f"image must be 8-bit RGB of the shape (..., 3, H, W), not {image.dtype} of the shape {shape}."
        )
    mean, deviation = (torch.tensor(values, device=image.device).view(-1, 1, 1) for values in (MEAN, DEVIATION))
    return (image.float() / _MOST - mean) / deviation
