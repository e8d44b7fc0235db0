"""The kernels of a record: what each does, how much work that is, and what they are called in a table."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Literal

from microbench.measure.record import Record
from microbench.runtimes.kernels import Kernel
from microbench.runtimes.kernels.nchwc import nchwc_block, round_up

Form = Literal["conversion", "dense", "pointwise", "depthwise", "other"]

FLOAT_BYTES = 4

_MAP_DIMENSIONS = 4
_VECTORS = {"avx512": ("AVX-512", 16), "amx": ("AMX", 16), "avx2": ("AVX2", 8)}
"""Instruction set and float32 values in a vector, by the word in a kernel's name."""
_BLOCKED = re.compile(r"[a-z]*B[a-z]*(\d+)b")
"""A layout of channels in blocks, e.g. aBcd16b; acdb is channels last."""
_LAYOUT = re.compile(r" [a-zA-Z0-9]+$")
_PRECISION = re.compile(r"_(f32|bf16|f16|i8)$")
_NCHWC = "NCHWc"
_PROVIDER = "ExecutionProvider"
_LONGEST_NAME = 48


def kernels_of(record: Record) -> tuple[Kernel, ...]:
    """The kernels that the record has, of its first build; none of an older record or where the runtime shows none."""
    builds = record.measurement.builds if record.measurement else None
    return tuple(_kernel(entry) for entry in (builds[0].get("kernels") or ())) if builds else ()


def form_of(kernel: Kernel) -> Form:
    """What the kernel does."""
    if kernel.converts_layout:
        return "conversion"
    if not is_convolution(kernel):
        return "other"
    assert kernel.window
    assert kernel.output_shape
    assert kernel.input_shape
    of_an_output = kernel.macs // math.prod(kernel.output_shape)
    if of_an_output == math.prod(kernel.window) and kernel.input_shape[1] > 1:
        return "depthwise"
    return "pointwise" if kernel.window == (1, 1) else "dense"


def is_convolution(kernel: Kernel) -> bool:
    """Whether its arithmetic and both maps are known."""
    shapes = (kernel.input_shape, kernel.output_shape)
    return bool(kernel.macs and kernel.window) and all(s is not None and len(s) == _MAP_DIMENSIONS for s in shapes)


def reads_nchw(kernel: Kernel, record: Record) -> bool:
    """Whether a blocked convolution reads a map that is not in blocks, as it has fewer channels than one."""
    block = nchwc_block(record.environment.cpu_flags)
    return kernel.implementation == _NCHWC and bool(block and kernel.input_shape and kernel.input_shape[1] < block)


def kind_of(kernel: Kernel, record: Record) -> str:
    """Kernels of a kind cost the same for the same work.

    E.g. "Conv NCHWc dense", "Conv NCHWc dense from NCHW", "Reorder reorder_f32 abcd".
    """
    form = form_of(kernel)
    if form in ("conversion", "other"):
        return f"{kernel.operator} {kernel.implementation}"
    ending = " from NCHW" if reads_nchw(kernel, record) else ""
    return f"{kernel.operator} {_LAYOUT.sub('', kernel.implementation)} {form}{ending}"


def computed_channels(kernel: Kernel) -> tuple[int, int]:
    """Input and output channels that a convolution computes, those included that fill up its vectors.

    Vectors run over the output channels, so that these are filled up; input channels only where they are in blocks.
    """
    assert kernel.input_shape
    assert kernel.output_shape
    channels_in, channels_out = kernel.input_shape[1], kernel.output_shape[1]
    lanes = vector_of(kernel)[1]
    if form_of(kernel) == "depthwise":
        return round_up(channels_in, lanes), round_up(channels_out, lanes)
    block = _BLOCKED.search(kernel.implementation)
    return round_up(channels_in, int(block[1])) if block else channels_in, round_up(channels_out, lanes)


def vector_of(kernel: Kernel) -> tuple[str, int]:
    """The instruction set in the kernel's name and the float32 values in its vectors; ("", 1) where it names none."""
    return next((vector for word, vector in _VECTORS.items() if word in kernel.implementation), ("", 1))


def computed_macs(kernel: Kernel) -> float:
    """Multiply-accumulates of a convolution, with those on channels that fill up its vectors."""
    assert kernel.input_shape
    assert kernel.output_shape
    channels_in, channels_out = computed_channels(kernel)
    macs = kernel.macs * channels_out / kernel.output_shape[1]
    return macs if form_of(kernel) == "depthwise" else macs * channels_in / kernel.input_shape[1]


def map_bytes(kernel: Kernel) -> int:
    """Of its first input and its output, in float32; weights are left out."""
    return FLOAT_BYTES * sum(math.prod(shape) for shape in (kernel.input_shape, kernel.output_shape) if shape)


def converted_bytes(kernel: Kernel) -> int:
    """What a conversion reads and writes of the model's own values, those that fill up a block left out."""
    shapes = (kernel.input_shape, kernel.output_shape)
    return 2 * FLOAT_BYTES * min((math.prod(shape) for shape in shapes if shape), default=0)


def channels_of(kernel: Kernel) -> int:
    """The model's channels: of input and output the fewer, as a conversion adds or drops those that fill up a block."""
    found = [shape[1] for shape in (kernel.input_shape, kernel.output_shape) if shape and len(shape) > 1]
    return min(found, default=1)


def kernel_text(record: Record) -> str:
    """The kernels that compute, for a table; empty for a record without.

    E.g. "NCHWc 16, out 24→32" of a convolution of 24 channels, and "2 × (depthwise NCHWc 16 + 1×1 NCHWc 16)" of two
    blocks.
    """
    kernels = kernels_of(record)
    computing = [k for k in kernels if form_of(k) not in ("conversion", "other")]
    if not computing:  # an engine inspector's layers have no shapes
        runtime = record.configuration.runtime
        names = [
            k.operator if k.implementation in runtime else k.implementation for k in kernels if not k.converts_layout
        ]
        return " + ".join(name[:_LONGEST_NAME] for name in dict.fromkeys(names))
    model_channels = _dropped_channels(kernels)
    return _folded([_name(kernel, record, model_channels) for kernel in computing])


def _kernel(entry: dict[str, object]) -> Kernel:
    return Kernel(**{name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()})  # type: ignore[arg-type]


def _dropped_channels(kernels: Sequence[Kernel]) -> dict[int, int]:
    """The model's channels by those with which a block's kernels compute, where a conversion at the end drops some."""
    shapes = [(k.input_shape, k.output_shape) for k in kernels if k.operator == "ReorderOutput"]
    return {source[1]: target[1] for source, target in shapes if source and target and target[1] < source[1]}


def _name(kernel: Kernel, record: Record, model_channels: dict[int, int]) -> str:
    form = {"depthwise": "depthwise ", "pointwise": "1×1 "}.get(form_of(kernel), "")
    name = _PRECISION.sub("", _LAYOUT.sub("", kernel.implementation))
    if name == _NCHWC:
        name = f"{name} {nchwc_block(record.environment.cpu_flags) or ''}".strip()
    elif name.endswith(_PROVIDER):
        name = "plain"
    if reads_nchw(kernel, record):
        name += " from NCHW"
    assert kernel.output_shape
    computed = computed_channels(kernel)[1]
    of_model = model_channels.get(computed, kernel.output_shape[1])
    return f"{form}{name}" + (f", out {of_model}→{computed}" if of_model < computed else "")


def _folded(names: list[str]) -> str:
    """Neighbours that are equal, or a chain of equal blocks, as one and their number.

    >>> _folded(["a", "b", "a", "b"]), _folded(["a", "a", "b"])
    ('2 × (a + b)', '2 × a + b')
    """
    for length in range(1, len(names) // 2 + 1):
        times = len(names) // length
        if names[:length] * times == names:
            block = " + ".join(names[:length])
            return f"{times} × {block}" if length == 1 else f"{times} × ({block})"
    runs = [(name, len(list(group))) for name, group in itertools.groupby(names)]
    return " + ".join(name if times == 1 else f"{times} × {name}" for name, times in runs)
