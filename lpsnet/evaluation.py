"""Predict a data set with a network, in PyTorch or in an inference runtime."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from interactions.resize import resize
from lpsnet.building import form_of, to_deploy
from lpsnet.data.dataset import SegmentationDataset
from lpsnet.evaluated import Evaluation
from lpsnet.export import export_onnx
from lpsnet.metrics import count_confusions
from lpsnet.network import IMAGE_CHANNELS
from lpsnet.normalisation import normalise
from microbench.errors import InputError
from microbench.measure.record import Configuration
from microbench.measure.sampler import one_line
from microbench.measure.workload import Cost, Workload
from microbench.runtimes import Runtime

# As `export_onnx` calls it.
_INPUT = "image"

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, from 0 to 1."""


class Predictor(Protocol):
    """Anything that finds the class of each pixel."""

    def __call__(self, image: Tensor, size: Sequence[int]) -> Tensor:
        """The classes of one image.

        Args:
            image: float32 (3, H, W), from `normalise`.
            size: (height, width) that the classes are wanted at, in pixels: the label's.

        Returns:
            Classes (height, width), 8-bit unsigned integers, on the CPU.
        """


def best_classes(scores: Tensor, size: Sequence[int]) -> Tensor:
    """The class of each pixel: scores are resized bilinearly with aligned corners, then the best one is taken.

    Args:
        scores: of one image, (1, num_classes, h, w), at most 255 classes.
        size: the wanted (height, width) in pixels.

    Returns:
        Classes (height, width), 8-bit unsigned integers, on the CPU.
    """
    # On a CPU, argmax alone takes several times as long as max.
    return resize(scores, size).max(dim=1).indices[0].byte().cpu()


class TorchPredictor:
    """A network run by PyTorch in float32, on images of any size.

    Args:
        network: maps an image (N, 3, H, W) to score maps (N, num_classes, h, w), on the device that its parameters are
            on; it is put into evaluation mode.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network.eval()
        self._device = next(network.parameters()).device

    def __call__(self, image: Tensor, size: Sequence[int]) -> Tensor:
        """See `Predictor`."""
        with torch.inference_mode():
            return best_classes(self._network(image[None].to(self._device)), size)


def scaled(image: Tensor, factor: float) -> Tensor:
    """An image (C, H, W) with its height and width times `factor`, bilinearly with aligned corners.

    Raises:
        InputError: the factor is not greater than 0.
    """
    if not factor > 0:
        raise InputError(f"input_scale must be greater than 0, not {factor!r}.")
    return resize(image[None], [max(1, round(side * factor)) for side in image.shape[-2:]])[0]


class ScaledPredictor:
    """A predictor that sees every image enlarged, bilinearly with aligned corners.

    Args:
        predictor: of the enlarged images.
        factor: by which height and width grow; 1 leaves the image as it is.

    Raises:
        InputError: from a call: the factor is not greater than 0.
    """

    def __init__(self, predictor: Predictor, factor: float) -> None:
        self._predictor = predictor
        self._factor = factor

    def __call__(self, image: Tensor, size: Sequence[int]) -> Tensor:
        """See `Predictor`."""
        return self._predictor(scaled(image, self._factor), size)


class RuntimePredictor:
    """A network run by an inference runtime, on images of one size; the scores are the engine's own.

    They are not checked against PyTorch's first, as those of timed sessions are: how far a precision is off is what the
    evaluation shows.

    Args:
        network: from `lpsnet.build`, in any form; it is folded to its deploy form.
        runtime: one that is available, from `microbench.runtimes.configure`.
        configuration: its precision, device and threads, from the same.
        size: (height, width) of the images in pixels.
        calibration: normalised images (3, *size) that int8 reads the ranges of the activations off; a few dozen do.

    Raises:
        InputError: the runtime cannot run this network so, or int8 is requested without calibration images; from a
            call: the image has another size.
    """

    def __init__(
        self,
        network: nn.Module,
        runtime: Runtime,
        configuration: Configuration,
        size: Sequence[int],
        calibration: Sequence[Tensor] = (),
    ) -> None:
        if configuration.precision == "int8" and not calibration:
            raise InputError("calibration must hold at least one image where the precision is int8.")
        network = network if form_of(network) == "deploy" else to_deploy(network)
        exported = io.BytesIO()
        export_onnx(network, exported, size)
        self._shape = (IMAGE_CHANNELS, *size)
        inputs = {_INPUT: np.zeros((1, *self._shape), dtype=np.float32)}
        workload = Workload(
            name="network",
            onnx_model=exported.getvalue(),
            inputs=inputs,
            reference=(),
            cost=Cost(macs=0, parameters=0, moved_bytes=0),  # of no interest to a runtime
            module=network,
            calibration=tuple({_INPUT: image[None].numpy()} for image in calibration),
        )
        try:
            self._session = runtime.load(workload, configuration, inputs)
        # Whatever the runtime raises where an operator or a precision is not for it.
        except Exception as error:
            raise InputError(
                f"runtime {runtime.name!r} cannot run this network in {configuration.precision}: {one_line(error)}."
            ) from error

    def __call__(self, image: Tensor, size: Sequence[int]) -> Tensor:
        """See `Predictor`."""
        if tuple(image.shape) != self._shape:
            raise InputError(
                f"image must have the shape {self._shape} that the engine was built for, not {tuple(image.shape)}."
            )
        self._session.feed({_INPUT: image[None].numpy()})
        self._session.enqueue(1)
        self._session.synchronize()
        (scores,) = self._session.outputs()
        return best_classes(torch.from_numpy(scores.astype(np.float32)), size)

    def close(self) -> None:
        """Free the engine."""
        self._session.close()


def evaluate(predictor: Predictor, dataset: SegmentationDataset, on_progress: Progress | None = None) -> Evaluation:
    """Predict every image of a data set at its label's full resolution, and compare the classes with the label.

    Args:
        predictor: of as many classes as the data set has, or fewer.
        dataset: one split.
        on_progress: see `Progress`.

    Raises:
        InputError: the data set is empty or a sample of it cannot be read, or the predictor finds other classes.
    """
    if len(dataset) == 0:
        raise InputError(f"data set {dataset.name!r} has no images in its split {dataset.split!r}.")
    names, counts = [], []
    for index in range(len(dataset)):
        image, label, name = dataset[index]
        prediction = predictor(normalise(image), label.shape)
        names.append(name)
        counts.append(count_confusions(label, prediction, len(dataset.classes.names)))
        if on_progress is not None:
            on_progress("evaluating", (index + 1) / len(dataset))
    return Evaluation(dataset.name, dataset.split, dataset.classes, tuple(names), np.stack(counts))
