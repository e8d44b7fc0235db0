"""`microbench predict`: class maps and overlays of any images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from microbench.commands import options
from microbench.commands.weights import input_scale_of, make_folder
from microbench.errors import InputError

if TYPE_CHECKING:
    from lpsnet.data import ClassSet

_VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")


@click.command("predict")
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("sources", metavar="SOURCE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the results.")
@click.option(
    "--data-set",
    help="Data set in whose colours classes are drawn [default: the first with as many classes as the network].",
)
@options.input_scale
@options.imports
@options.as_json
def predict(
    weights: Path,
    sources: tuple[Path, ...],
    out: Path,
    data_set: str | None,
    input_scale: float | None,
    as_json: bool,
) -> None:
    """Predict the class of every pixel of images with the network in the file WEIGHTS.

    SOURCE is a folder of images, such as a video's frames, or an image file; several may be given. Each image gets
    masks/NAME.png, whose 8-bit pixels are class indices that a viewer shows in the classes' colours, and
    overlays/NAME.png, the colours over the image; both have the image's size.

    Example: microbench predict runs/mine/network.safetensors frames/ --out predictions
    """
    import lpsnet
    from lpsnet.colours import as_indexed_picture, as_picture, overlaid
    from lpsnet.data.images import read_image
    from lpsnet.evaluation import ScaledPredictor, TorchPredictor
    from lpsnet.normalisation import normalise
    from microbench.commands.console import progress_bar

    images = _images(sources)
    network = lpsnet.load_network(weights)
    data_set, classes = _classes(lpsnet.design_of(network).num_classes, data_set)
    factor = input_scale_of(weights) if input_scale is None else input_scale
    predictor = ScaledPredictor(TorchPredictor(network), factor)
    masks, overlays = out / "masks", out / "overlays"
    make_folder(masks)
    make_folder(overlays)
    with progress_bar(quiet=as_json) as on_progress:
        for done, (name, path) in enumerate(images.items(), start=1):
            image = read_image(path)
            class_map = predictor(normalise(image), image.shape[-2:])
            as_indexed_picture(class_map, classes).save(masks / f"{name}.png")
            as_picture(overlaid(image, class_map, classes)).save(overlays / f"{name}.png")
            on_progress("predicting", done / len(images))
    if as_json:
        names = {"images": list(images), "masks": str(masks), "overlays": str(overlays)}
        click.echo(json.dumps({**names, "data_set": data_set, "classes": classes.names}))
    else:
        click.echo(f"Written: {len(images)} images each to {masks} and {overlays}, in the classes of {data_set}")


def _images(sources: tuple[Path, ...]) -> dict[str, Path]:
    """The image files by the name of their results."""
    found: dict[str, Path] = {}
    for path in (path for source in sources for path in _files(source)):
        if path.stem in found and found[path.stem] != path:
            raise InputError(f"source images {str(found[path.stem])!r} and {str(path)!r} must have different names.")
        found[path.stem] = path
    return found


def _files(source: Path) -> list[Path]:
    from lpsnet.data.folders import IMAGE_SUFFIXES

    if source.is_dir():
        images = sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            raise InputError(f"source {str(source)!r} must hold images ({', '.join(IMAGE_SUFFIXES)}).")
        return images
    if source.suffix.lower() in _VIDEO_SUFFIXES:
        raise InputError(
            f"source {str(source)!r} is a video, of which frames must be made first: mkdir frames && "
            f"ffmpeg -i {source} frames/%06d.png."
        )
    if not source.is_file():
        raise InputError(f"source {str(source)!r} must be a folder of images or an image file.")
    return [source]


def _classes(number: int, data_set: str | None) -> tuple[str, ClassSet]:
    """A data set's name and classes, `number` of them."""
    from lpsnet import data

    names = (data_set,) if data_set is not None else data.NAMES
    for name in names:
        classes = data.of(name).classes
        if len(classes.names) == number:
            return name, classes
    raise InputError(f"weights must have as many classes as data set {' or '.join(names)}, not {number}.")
