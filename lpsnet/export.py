"""Networks as ONNX files."""

import copy
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import onnx
import torch
from torch import nn

from lpsnet.files import write_file
from lpsnet.full_resolution import FullResolutionArgmax
from lpsnet.network import IMAGE_CHANNELS
from microbench.errors import InputError, require_positive

OPSET = 17


def export_onnx(
    network: nn.Module,
    destination: str | os.PathLike[str] | BinaryIO,
    size: Sequence[int],
    dynamic: bool = False,
    batch: int = 1,
) -> None:
    """Write a network, in evaluation mode, as an ONNX file of opset 17.

    The input is called "image"; the output is called "scores" or, of `FullResolutionArgmax`, "classes".

    Args:
        network: maps an image (N, 3, H, W) to score maps (N, num_classes, h, w) or to classes (N, H, W). It is left as
            it is.
        destination: a path, or a binary file to write to.
        size: (height, width) of the image in pixels.
        dynamic: leave batch, height and width open, as dimensions of these names; `size` and `batch` then are only
            those that the network is traced with. Otherwise every size in the file is a constant.
        batch: images at a time.

    Raises:
        InputError: a size is not a positive integer, or too small for the network, or the file cannot be written.
    """
    require_positive("batch", batch)
    if len(size) != 2:
        raise InputError(f"size must be a height and a width, not {size!r}.")
    for field, side in zip(("height", "width"), size, strict=True):
        require_positive(field, side)
    shape = (batch, IMAGE_CHANNELS, *size)
    network = copy.deepcopy(network).cpu().eval()
    # The network checks the image where it is not traced; without data that costs next to nothing.
    copy.deepcopy(network).to("meta")(torch.empty(shape, device="meta"))
    # Imported here, as it takes as long as a whole export of a small network.
    import onnxscript.optimizer

    # Folds the arithmetic that the exporter leaves before every Resize and Reshape to constants where sizes are fixed.
    model = onnxscript.optimizer.optimize(_traced(network, torch.zeros(shape), dynamic), num_iterations=1)
    content = model.SerializeToString()
    if isinstance(destination, str | os.PathLike):
        write_file(destination, content)
    else:
        destination.write(content)


def _traced(network: nn.Module, image: torch.Tensor, dynamic: bool) -> onnx.ModelProto:
    if isinstance(network, FullResolutionArgmax):
        output, sides = "classes", {1: "height", 2: "width"}
    else:
        output, sides = "scores", {2: "score_height", 3: "score_width"}
    open_sizes = {"image": {0: "batch", 2: "height", 3: "width"}, output: {0: "batch", **sides}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder, "network.onnx")
        # The TorchScript exporter is the one that keeps to plain operators of an old opset; that it is old is known.
        warnings.simplefilter("ignore", DeprecationWarning)
        if not dynamic:  # sizes that become constants are what is wanted then
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            network,
            (image,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=[output],
            dynamic_axes=open_sizes if dynamic else None,
        )
        return onnx.load(path)
