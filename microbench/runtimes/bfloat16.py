"""bfloat16 in NumPy, which does not know it: the upper 16 bits of a float32, as unsigned integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Each value rounded to the nearest bfloat16, ties to even; any shape to the same.

    >>> to_bits(np.array([1.0, 1.00390625, 1.01171875], dtype=np.float32)).tolist()  # the second and third are ties
    [16256, 16256, 16258]
    """
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def from_bits(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 values that the bits stand for; any shape to the same."""
    values: NDArray[np.float32] = (bits.astype(np.uint32) << 16).view(np.float32)
    return values
