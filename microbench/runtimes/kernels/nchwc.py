"""ONNX Runtime's rule of blocked convolutions: which are NCHWc, and how many channels they compute.

Source: ONNX Runtime, `onnxruntime/core/optimizer/nchwc_transformer.cc`, as 1.31.1 behaves on processors with AVX-512:
channels lie in blocks as wide as a vector; a convolution whose channels do not fit the rule stays in NCHW, as a matrix
product of unfolded patches or, depthwise, a plain loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Optional

_CHANNEL_ALIGNMENT = 4
"""`ReorderInput` moves channels in fours, so that the number of input channels has to be a multiple."""


@dataclass(frozen=True)
class NchwcConvolution:
    """The channels that a blocked convolution computes, those included that fill up blocks."""

    in_channels: int
    out_channels: int
    reads_nchw: bool
    """Whether it reads the model's own layout: a map of fewer channels than a block is not converted."""


def nchwc_block(cpu_flags: Collection[str]) -> Optional[int]:
    """Channels in a block, by the processor's vector extensions; None where they are not known.

    >>> nchwc_block(["avx2", "fma", "avx512f"]), nchwc_block(["avx2", "fma"]), nchwc_block(["asimd"])
    (16, 8, None)
    """
    if "avx512f" in cpu_flags:
        return 16
    return 8 if "avx2" in cpu_flags else None


def nchwc_convolution(
    in_channels: int, out_channels: int, *, block: int, groups: int = 1
) -> Optional[NchwcConvolution]:
    """What ONNX Runtime makes of a convolution of constant float32 weights; None where it stays a plain one.

    >>> nchwc_convolution(24, 24, block=16)
    NchwcConvolution(in_channels=32, out_channels=32, reads_nchw=False)
    >>> nchwc_convolution(3, 24, block=16)
    NchwcConvolution(in_channels=3, out_channels=32, reads_nchw=True)
    >>> nchwc_convolution(18, 18, block=16) is None  # from a block on, input channels come in fours
    True

    Args:
        in_channels: of the input map.
        out_channels: of the output map.
        block: channels in a block, see `nchwc_block`.
        groups: of the convolution; as many as channels for a depthwise one.
    """
    padded_out = round_up(out_channels, block)
    if groups == 1:
        if in_channels < block:
            return NchwcConvolution(in_channels, padded_out, reads_nchw=True)
        if in_channels % _CHANNEL_ALIGNMENT:
            return None
        return NchwcConvolution(round_up(in_channels, block), padded_out, reads_nchw=False)
    if groups == in_channels == out_channels:
        if in_channels % _CHANNEL_ALIGNMENT:
            return None
        return NchwcConvolution(padded_out, padded_out, reads_nchw=False)
    if in_channels // groups % block or out_channels // groups % block:
        return None
    return NchwcConvolution(in_channels, out_channels, reads_nchw=False)


def round_up(channels: int, block: int) -> int:
    """The next multiple of the block.

    >>> round_up(17, 16), round_up(16, 16)
    (32, 16)
    """
    return -(-channels // block) * block
