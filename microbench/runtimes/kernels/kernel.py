"""A kernel that a runtime executes, as the record keeps it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Callable, Mapping, Optional, Sequence

_MOST_LISTED = 48
"""Kernels listed one by one; of a larger network equal ones are counted, as its record would be megabytes long."""


@dataclass(frozen=True)
class Kernel:
    """One operator as the runtime executes it."""

    operator: str
    """The runtime's name of it: "Conv", "ReorderInput", "Convolution", "reorder", ..."""
    implementation: str
    """What computes it: "NCHWc", "brgconv_avx512_f32", "jit_dw:avx512_core", ..."""
    input_shape: Optional[tuple[int, ...]] = None
    """Of its first input, with the channels that the kernel's layout adds."""
    output_shape: Optional[tuple[int, ...]] = None
    """Of its first output, likewise."""
    macs: int = 0
    """Multiply-accumulates of a convolution, those on added channels included; 0 of others and where not shown."""
    window: Optional[tuple[int, int]] = None
    """Height and width of a convolution's weights, which tells a depthwise one from a pointwise one."""
    converts_layout: bool = False
    """Whether it only moves values from one memory layout or precision to another."""
    count: int = 1
    """Equal kernels, where they are counted instead of listed."""


def describe_kernels(find: Callable[[], Sequence[Kernel]]) -> Mapping[str, Any]:
    """What a record keeps of a model's kernels: `{"kernels": [...]}`, or `{"kernels_error": ...}`.

    A runtime that cannot report its kernels loses no row: whatever `find` raises is recorded in their place.
    """
    try:
        found = list(find())
    except Exception as error:  # the runtimes' inspection interfaces throw all sorts of things
        return {"kernels_error": f"{type(error).__name__}: {error}"[:200]}
    return {"kernels": [_as_json(kernel) for kernel in _counted(found)]}


def padded_macs(output_shape: Sequence[int], weight_shape: Sequence[int], *, grouped: bool = False) -> int:
    """Multiply-accumulates of a convolution from the shapes that its kernel sees.

    >>> padded_macs((1, 16, 8, 8), (16, 12, 3, 3))  # 12 channels to 16
    110592
    >>> padded_macs((1, 32, 8, 8), (32, 1, 1, 3, 3), grouped=True)  # depthwise, weights (groups, out, in, kh, kw)
    18432

    Args:
        output_shape: (N, C, H, W).
        weight_shape: (C, input channels of a group, kh, kw), or with the groups in front.
        grouped: whether the groups are in front.
    """
    return math.prod(output_shape) * math.prod(weight_shape[2 if grouped else 1 :])


def _as_json(kernel: Kernel) -> dict[str, Any]:
    """With shapes as lists, which is what a record that is read back holds."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(kernel).items()}


def _counted(kernels: Sequence[Kernel]) -> list[Kernel]:
    if len(kernels) <= _MOST_LISTED:
        return list(kernels)
    counts: dict[Kernel, int] = {}
    for kernel in kernels:
        counts[kernel] = counts.get(kernel, 0) + 1
    return [Kernel(**{**asdict(kernel), "count": count}) for kernel, count in counts.items()]
