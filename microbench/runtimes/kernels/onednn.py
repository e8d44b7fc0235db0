"""oneDNN's primitives behind PyTorch on a CPU, read off its verbose output.

Operators that PyTorch computes by itself (an addition, a ReLU, a convolution of a small map) are not among them.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from typing import Any, Callable, Mapping

from microbench.runtimes.kernels.kernel import Kernel, padded_macs

_STDOUT = 1
_SIZES = re.compile(r"([a-z]+)(\d+)")
_BLOCK = re.compile(r":(?:[a-z]*p[a-z]*):blocked:[A-Za-z]*?(\d+)b")


def onednn_kernels(torch: Any, run: Callable[[], Any]) -> list[Kernel]:
    """The primitives that `run` executes, in order.

    Args:
        torch: the module, given because this floor is imported where torch is not.
        run: one call of the model.
    """
    with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
        text = _printed_by(run)
    return kernels_of_verbose(text)


def kernels_of_verbose(text: str) -> list[Kernel]:
    """The primitives that the lines of oneDNN's verbose output (version 1) name.

    A line reads
    `onednn_verbose,v1,primitive,exec,cpu,KIND,IMPLEMENTATION,PROPAGATION,LAYOUTS,ATTRIBUTES,EXTRA,SIZES,MS`.
    """
    rows = (line.split(",") for line in text.splitlines() if line.startswith("onednn_verbose,"))
    return [_kernel(row[5:]) for row in rows if row[2:4] == ["primitive", "exec"] and len(row) > 11]


def _kernel(fields: list[str]) -> Kernel:
    kind, implementation, _, layouts, _, _, sizes = fields[:7]
    if kind != "convolution":
        shape = tuple(int(side) for side in sizes.split("x")) if re.fullmatch(r"\d+(x\d+)*", sizes) else None
        return Kernel(kind, implementation, shape, shape, converts_layout=kind == "reorder")
    size = _named_sizes(sizes)
    groups = size.get("g", 1)
    source, _, target = layouts.partition(" dst:")
    in_channels = _padded(size["ic"], source.split(" wei:")[0])
    out_channels = _padded(size["oc"], ":" + target)
    in_of_group = 1 if groups == size["ic"] else (in_channels if groups == 1 else size["ic"] // groups)
    output = (size["mb"], out_channels, size["oh"], size["ow"])
    weights = (out_channels, in_of_group, size["kh"], size["kw"])
    return Kernel(
        operator=kind,
        implementation=implementation,
        input_shape=(size["mb"], in_channels, size["ih"], size["iw"]),
        output_shape=output,
        macs=padded_macs(output, weights),
        window=(size["kh"], size["kw"]),
    )


def _named_sizes(text: str) -> Mapping[str, int]:
    """Of "mb1_ic20oc24_ih64oh64kh3", the numbers by their names."""
    return {name: int(value) for name, value in _SIZES.findall(text)}


def _padded(channels: int, layout: str) -> int:
    """Channels with those that a blocked layout such as `f32:ap:blocked:aBcd16b` adds."""
    block = _BLOCK.search(layout)
    return channels if block is None else -(-channels // int(block[1])) * int(block[1])


def _printed_by(run: Callable[[], Any]) -> str:
    """What the process writes to its standard output, below Python's own, while `run` is called."""
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), _STDOUT)
            try:
                run()
            finally:
                os.dup2(kept, _STDOUT)
            file.seek(0)
            return file.read().decode("utf-8", "replace")
    finally:
        os.close(kept)
