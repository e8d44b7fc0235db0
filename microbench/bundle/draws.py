"""Values drawn on the device instead of being brought along: the same bits from a seed on every machine.

NumPy may change what its distributions give for a seed, and a logarithm may differ in its last bit between processors.
So these values are sums of uniform integers, whose bit stream NumPy guarantees (NEP 19), and are scaled by single
operations of IEEE arithmetic: nothing in them can differ.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

_ADDENDS = 8
"""Uniform 16-bit integers in a value: their sum is near enough to normal (excess kurtosis -0.15)."""
_MEAN = _ADDENDS * (2**16 - 1) / 2
_DEVIATION = (_ADDENDS * (2**32 - 1) / 12) ** 0.5
_CHUNK = 2**20

PLACES = 16384
"""Of a larger output so many values are compared: an error in a thousandth of its places is seen in sixteen of them."""


def draw(seed: int, count: int) -> NDArray[np.float32]:
    """Approximately normal values of mean 0 and standard deviation 1.

    >>> draw(1, 3).round(3).tolist()
    [0.635, -1.631, 0.604]
    """
    bits = np.random.Philox(key=seed)
    values = np.empty(count, dtype=np.float32)
    for start in range(0, count, _CHUNK):
        part = values[start : start + _CHUNK]
        raw = bits.random_raw(len(part) * _ADDENDS // 4).astype("<u8", copy=False)
        sums = raw.view("<u2").reshape(len(part), _ADDENDS).sum(axis=1, dtype=np.int64)
        part[...] = ((sums - _MEAN) / _DEVIATION).astype(np.float32)
    return values


@functools.lru_cache(maxsize=8)
def draw_input(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An input of a model; kept and not writable, as many rows share an image."""
    values = draw(seed, int(np.prod(shape))).reshape(shape)
    values.flags.writeable = False
    return values


def draw_places(seed: int, size: int, count: int) -> NDArray[np.int64]:
    """About `count` indices of an array of `size` elements, each once, in ascending order."""
    raw = np.random.Philox(key=seed).random_raw(count)
    places: NDArray[np.int64] = np.unique(raw % np.uint64(size)).astype(np.int64)
    return places
