"""Class maps as people see them: in the colours of a data set, alone or over the image."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lpsnet.classes import ClassSet

IGNORED_COLOUR = (0, 0, 0)
"""Of ignored pixels, and of every index that is no class."""

_INDICES = 256


def colour_table(classes: ClassSet) -> Tensor:
    """The colour of every 8-bit index: uint8, (256, 3), RGB."""
    colours = [*classes.palette, *[IGNORED_COLOUR] * (_INDICES - len(classes.palette))]
    return torch.tensor(colours, dtype=torch.uint8)


def coloured(class_map: Tensor, classes: ClassSet) -> Tensor:
    """A class map (H, W) of 8-bit indices in colours: uint8, (3, H, W), RGB."""
    return colour_table(classes)[class_map.long()].permute(2, 0, 1)


def overlaid(image: Tensor, class_map: Tensor, classes: ClassSet) -> Tensor:
    """Half the image and half its classes' colours.

    Args:
        image: uint8, (3, H, W), RGB.
        class_map: uint8, (H, W).
        classes: the meaning of the indices.

    Returns:
        uint8, (3, H, W), RGB.
    """
    return ((image.int() + coloured(class_map, classes).int()) // 2).byte()


def as_picture(image: Tensor) -> Image.Image:
    """A picture of an image: uint8, (3, H, W), RGB."""
    return Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))


def as_indexed_picture(class_map: Tensor, classes: ClassSet) -> Image.Image:
    """A picture whose pixels are the 8-bit indices of a class map (H, W), and which shows in the classes' colours."""
    picture = Image.fromarray(np.ascontiguousarray(class_map.numpy())).convert("L")
    picture.putpalette(colour_table(classes).flatten().tolist())
    return picture
