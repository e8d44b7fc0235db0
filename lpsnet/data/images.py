"""Reading image files with Pillow."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from microbench.errors import InputError


def read_image(path: Path) -> torch.Tensor:
    """The image as uint8, (3, H, W), RGB.

    Raises:
        InputError: the file is missing, corrupt or cut short.
    """
    pixels = np.asarray(open_image(path).convert("RGB"))
    # NumPy's copy: torch would split it over threads, which takes longer than the copy where the cores are busy.
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def open_image(path: Path) -> Image.Image:
    """The decoded image file, in the mode that it was stored in.

    Raises:
        InputError: the file is missing, corrupt or cut short.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image
    # What Pillow's decoders raise on bytes that are no image: PNG's chunks a SyntaxError, the rest one of the others.
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"image file {path} cannot be read, it may be corrupt or cut short ({error}).") from error
