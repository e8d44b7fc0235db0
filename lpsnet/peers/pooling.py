"""Pooling over maps of any size, in operators that every inference runtime has."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def binned_average(maps: Tensor, bins: int) -> Tensor:
    """Average over `bins` x `bins` parts of the map: (N, C, H, W) to (N, C, bins, bins).

    It is `torch.nn.functional.adaptive_avg_pool2d`, whose parts may overlap by a row where `bins` does not divide the
    size, as two matrix products: ONNX has no such pooling.
    """
    height, width = (int(side) for side in maps.shape[-2:])
    rows = _averaging(height, bins, maps)
    columns = _averaging(width, bins, maps)
    return torch.matmul(torch.matmul(rows, maps), columns.t())


def _averaging(size: int, bins: int, like: Tensor) -> Tensor:
    """The matrix (bins, size) that averages a row of `size` values part by part."""
    matrix = torch.zeros(bins, size, dtype=like.dtype, device=like.device)
    for part in range(bins):
        start, end = part * size // bins, -(-(part + 1) * size // bins)
        matrix[part, start:end] = 1 / (end - start)
    return matrix


def enlarged(maps: Tensor, size: torch.Size, mode: Literal["nearest", "bilinear"] = "bilinear") -> Tensor:
    """Resize without aligned corners, as most peers do; LPS-Net's own is `interactions.resize`."""
    if mode == "nearest":
        return interpolate(maps, size=tuple(size), mode="nearest")
    return interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)
