"""`microbench evaluate`: how well a trained network predicts a data set, in any runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from microbench.commands import options
from microbench.commands.weights import input_scale_of, make_folder, newest_run
from microbench.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lpsnet.data import SegmentationDataset
    from lpsnet.evaluated import Evaluation
    from lpsnet.evaluation import Predictor

_TORCH = "torch"

_CALIBRATION_IMAGES = 16
_PANEL_IMAGES = 4


@click.command("evaluate")
@click.argument("weights", type=click.Path(path_type=Path), required=False)
@options.data_set
@click.option("--split", help="train, val or test [default: test, or val where test has no public labels].")
@options.data_folder
@click.option(
    "--runtime",
    default=_TORCH,
    show_default=True,
    help="torch, for images of any size, or an inference runtime by its name in `microbench doctor`.",
)
@options.precision
@options.input_scale
@options.device
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results [default: beside the weights].")
@options.imports
@options.as_json
def evaluate(
    weights: Path | None,
    data_set: str,
    split: str | None,
    root: Path | None,
    runtime: str,
    precision: str,
    input_scale: float | None,
    device: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Mean IoU of the network in the file WEIGHTS, at the labels' full resolution.

    Without WEIGHTS, the newest run of `microbench train` in runs/ is evaluated. The results are confusion.json,
    confusions.npz (one confusion matrix an image) and panels.png, which shows predictions beside the truth. An int8
    engine is calibrated on images of the training split.

    Example: microbench evaluate runs/mine/network.safetensors --data-set camvid --data CamVid/ --runtime openvino
    """
    import dataclasses

    import lpsnet
    from lpsnet import data
    from lpsnet.evaluation import evaluate as run_evaluation
    from microbench.commands.console import progress_bar

    path = weights or newest_run()
    network = lpsnet.load_network(path)
    samples = data.make(data_set, split or data.of(data_set).test_split, root)
    _require_same_classes(network, samples)
    folder = out or path.parent / f"evaluation-{data_set}-{samples.split}-{runtime}-{precision}"
    target = _Target(runtime, precision, device, input_scale_of(path) if input_scale is None else input_scale)
    with _predictor(network, samples, root, target) as (predictor, engine):
        make_folder(folder)
        with progress_bar(quiet=as_json) as on_progress:
            measured = run_evaluation(predictor, samples, on_progress)
        evaluation = dataclasses.replace(
            measured, origin={**_identity(path), **engine, "input_scale": f"{target.input_scale:g}"}
        )
        files = [*evaluation.write(folder), _draw_panel(predictor, samples, folder)]
    if as_json:
        document = {**evaluation.as_json(), "files": [str(file) for file in files]}
        click.echo(json.dumps(document, allow_nan=False))
    else:
        _print(evaluation, samples.caveat)
        click.echo("Written: " + ", ".join(str(file) for file in files))


def _require_same_classes(network: nn.Module, samples: SegmentationDataset) -> None:
    import lpsnet

    found, wanted = lpsnet.design_of(network).num_classes, len(samples.classes.names)
    if found != wanted:
        raise InputError(f"weights must have the {wanted} classes of data set {samples.name!r}, not {found}.")


class _Target(NamedTuple):
    """The engine that the user requested."""

    runtime: str
    precision: str
    device: str
    input_scale: float


@contextmanager
def _predictor(
    network: nn.Module, samples: SegmentationDataset, root: Path | None, target: _Target
) -> Iterator[tuple[Predictor, dict[str, str]]]:
    """The predictor, and what the results say about its engine."""
    import torch

    from lpsnet.evaluation import RuntimePredictor, ScaledPredictor, TorchPredictor, scaled
    from lpsnet.normalisation import normalise
    from microbench.measure.environment import fingerprint
    from microbench.runtimes import configure

    runtime, precision, device, factor = target
    if runtime == _TORCH:
        if precision != "fp32":
            raise InputError(f"precision of runtime 'torch' must be fp32, not {precision!r}; torch-eager has others.")
        place = _torch_device(device)
        # fp32 is fp32: TF32 would keep ten bits of a convolution's inputs.
        torch.backends.cudnn.allow_tf32 = False
        engine = {"runtime": _TORCH, "runtime_version": torch.__version__, "precision": precision, "device": place}
        yield ScaledPredictor(TorchPredictor(network.to(place)), factor), engine
        return
    found, configuration = configure(runtime, precision, device, fingerprint().cpu_cores)
    calibration = _calibration_images(samples.name, root) if precision == "int8" else []
    size = scaled(normalise(samples[0].image), factor).shape[-2:]
    predictor = RuntimePredictor(network, found, configuration, size, [scaled(image, factor) for image in calibration])
    engine = {
        "runtime": found.name,
        "runtime_version": found.version(),
        "precision": precision,
        "device": configuration.device,
    }
    try:
        yield ScaledPredictor(predictor, factor), engine
    finally:
        predictor.close()


def _torch_device(device: str) -> str:
    import torch

    from microbench.errors import one_of

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device not in ("cpu", "cuda"):
        raise one_of("device", device, ("auto", "cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device must be cpu or auto, as PyTorch finds no CUDA device here.")
    return device


def _calibration_images(data_set: str, root: Path | None) -> list[Tensor]:
    from lpsnet import data
    from lpsnet.normalisation import normalise

    training = data.make(data_set, "train", root)
    return [normalise(training[index].image) for index in _spread(len(training), _CALIBRATION_IMAGES)]


def _draw_panel(predictor: Predictor, samples: SegmentationDataset, folder: Path) -> Path:
    from lpsnet.normalisation import normalise
    from lpsnet.panels import PanelRow, draw_panel

    pictured = [samples[index] for index in _spread(len(samples), _PANEL_IMAGES)]
    rows = [
        PanelRow(sample.image, sample.label, predictor(normalise(sample.image), sample.label.shape))
        for sample in pictured
    ]
    path = folder / "panels.png"
    draw_panel(rows, samples.classes).save(path)
    return path


def _spread(count: int, wanted: int) -> list[int]:
    """At most `wanted` indices below `count`, evenly spaced, so that all parts of a drive are represented."""
    number = min(count, wanted)
    return [(2 * index + 1) * count // (2 * number) for index in range(number)]


def _identity(weights: Path) -> dict[str, str]:
    """Which file it was, even if it is moved later."""
    import hashlib

    return {
        "weights": f"{weights.absolute().parent.name}/{weights.name}",
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }


def _print(evaluation: Evaluation, caveat: str) -> None:
    import pandas as pd

    from microbench.commands.console import print_table

    confusion, origin = evaluation.confusion, evaluation.origin
    values = [
        "left out" if name in evaluation.left_out else f"{iou:.1%}"
        for name, iou in zip(evaluation.classes.names, confusion.ious, strict=True)
    ]
    print_table("IoU by class", pd.DataFrame({"class": evaluation.classes.names, "IoU": values}))
    counted = len(confusion.ious) - len(evaluation.left_out)
    click.echo(
        f"{evaluation.data_set} {evaluation.split}, {origin['runtime']} {origin['precision']} on {origin['device']}: "
        f"mIoU {confusion.mean_iou:.1%} over {counted} classes, pixel accuracy {confusion.pixel_accuracy:.1%}, "
        f"{len(evaluation.images)} images"
    )
    if evaluation.left_out:
        names = ", ".join(evaluation.left_out)
        click.echo(f"Left out of the mean, as they occur in neither the truth nor the prediction: {names}")
    if caveat:
        click.echo(caveat)
