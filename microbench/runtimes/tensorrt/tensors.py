"""How an engine's input or output lies in memory, and its values copied there and back.

An engine that computes in half precision takes and gives half-precision tensors, in rows (NCHW) or with the channels
last and padded to a multiple of eight (TensorRT's HWC8), whichever the builder found faster. The host packs its float32
values accordingly before anything is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.runtimes import bfloat16

LINEAR = "LINEAR"
CHANNELS_LAST_8 = "HWC8"
"""N x H x W x C, where C is padded with zeros to a multiple of 8; for tensors of two bytes and four dimensions."""

BFLOAT16 = "BF16"
_STORED_AS = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    BFLOAT16: np.uint16,  # NumPy knows no bfloat16: its bits
    "INT64": np.int64,
    "INT32": np.int32,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
}


@dataclass(frozen=True)
class TensorLayout:
    """An input or output of an engine."""

    name: str
    shape: tuple[int, ...]
    """As the model has it, e.g. (N, C, H, W)."""
    dtype: str
    """TensorRT's name, e.g. "HALF"."""
    format: str
    """`LINEAR` or `CHANNELS_LAST_8`."""

    @property
    def stored_dtype(self) -> Any:
        """The NumPy type of its elements in memory."""
        return _STORED_AS[self.dtype]

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Its shape in memory."""
        if self.format == LINEAR:
            return self.shape
        n, c, h, w = self.shape
        return (n, h, w, -(-c // 8) * 8)

    def pack(self, values: NDArray[Any], stored: NDArray[Any]) -> None:
        """Write `values`, of the model's shape, into `stored`, of the shape and type in memory."""
        if self.format != LINEAR:
            stored[...] = 0
            stored = np.moveaxis(stored[..., : self.shape[1]], -1, 1)
        stored[...] = bfloat16.to_bits(values) if self.dtype == BFLOAT16 else values

    def unpack(self, stored: NDArray[Any]) -> NDArray[Any]:
        """A copy of what `stored` holds, of the model's shape; bfloat16 as float32."""
        values = stored if self.format == LINEAR else np.moveaxis(stored[..., : self.shape[1]], -1, 1)
        return bfloat16.from_bits(values) if self.dtype == BFLOAT16 else values.copy()


def read_layout(engine: Any, name: str) -> TensorLayout:
    """How the engine's tensor `name` lies in memory.

    Raises:
        KeyError: it has a type or format that is never asked for.
    """
    layout = TensorLayout(
        name,
        tuple(engine.get_tensor_shape(name)),
        engine.get_tensor_dtype(name).name,
        engine.get_tensor_format(name).name,
    )
    _STORED_AS[layout.dtype]
    if layout.format not in (LINEAR, CHANNELS_LAST_8):
        raise KeyError(layout.format)
    return layout
