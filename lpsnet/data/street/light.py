"""How a camera takes the picture of a drawn street."""

import math

import numpy as np
import numpy.typing as npt
from PIL import ImageFilter

from lpsnet.data.street.classes import Label
from lpsnet.data.street.view import View

# Standard deviation of the texture of each class, in grey levels: leaves are rough, the sky is not.
_ROUGHNESS = np.full(256, 5.0, dtype=np.float32)
_ROUGHNESS[[Label.TREE, Label.BUILDING, Label.ROAD, Label.PAVEMENT, Label.SKY]] = (16, 9, 6, 7, 2)

_IS_GROUND = np.zeros(256, dtype=np.float32)
_IS_GROUND[[Label.ROAD, Label.PAVEMENT]] = 1


def photograph(view: View, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The view as uint8, (3, height, width), RGB, with texture, shadows, the light's strength and tint, blur, noise."""
    image = view.image
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.BoxBlur(rng.uniform(0.2, 0.7)))
    height, width = view.height, view.width
    label = np.asarray(view.label)
    light = (rng.uniform(0.7, 1.15) * rng.normal(1, 0.04, (3, 1, 1))).astype(np.float32)
    slope = np.linspace(rng.normal(1, 0.08), rng.normal(1, 0.08), width, dtype=np.float32)
    shadow = np.asarray(view.shade, dtype=np.float32) / 255 * _IS_GROUND[label]
    coarse = rng.standard_normal((math.ceil(height / 3), math.ceil(width / 3)), dtype=np.float32)
    fine = rng.standard_normal((height, width), dtype=np.float32)
    texture = (_enlarged(coarse, 3)[:height, :width] + fine) * _ROUGHNESS[label] / math.sqrt(2)
    noise = rng.standard_normal((3, height, width), dtype=np.float32) * np.float32(rng.uniform(2, 6))
    pixels = np.asarray(image).transpose(2, 0, 1).astype(np.float32, order="C")
    lit = pixels * light * (slope * (1 - shadow)) + texture + noise
    photo: npt.NDArray[np.uint8] = lit.clip(0, 255).astype(np.uint8)
    return photo


def _enlarged(array: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    return array.repeat(factor, axis=0).repeat(factor, axis=1)
