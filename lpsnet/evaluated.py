"""The outcome of an evaluation: confusion matrices image by image, and the files that keep them. Needs no torch."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsnet.classes import ClassSet
from lpsnet.files import write_file
from lpsnet.metrics import Confusion, Counts
from microbench.errors import InputError
from microbench.measure.sampler import one_line

_SUMMARY_FILE = "confusion.json"
_PER_IMAGE_FILE = "confusions.npz"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was predicted on a split of a data set, image by image.

    Attributes:
        data_set: its name.
        split: "train", "val" or "test".
        classes: the meaning of the indices; C of them.
        images: the names of the n images.
        counts: one confusion matrix an image, (n, C, C): rows are the truth's classes, columns the prediction's.
        origin: what predicted it, e.g. weights, runtime and precision.
    """

    data_set: str
    split: str
    classes: ClassSet
    images: tuple[str, ...]
    counts: Counts
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def confusion(self) -> Confusion:
        """That of all pixels of all images; its `mean_iou` is the figure that papers print."""
        return Confusion(self.counts.sum(0))

    @property
    def left_out(self) -> tuple[str, ...]:
        """The classes that neither truth nor prediction holds anywhere, which the mean over classes leaves out."""
        return tuple(self.classes.names[index] for index in self.confusion.absent)

    def as_json(self) -> dict[str, Any]:
        """All but the per-image matrices in JSON's types; None for a value that is not defined."""
        confusion = self.confusion
        return {
            "data_set": self.data_set,
            "split": self.split,
            "origin": dict(self.origin),
            "images": len(self.images),
            "pixels": confusion.pixels,
            "mean_iou": _defined(confusion.mean_iou),
            "pixel_accuracy": _defined(confusion.pixel_accuracy),
            "iou": {name: _defined(iou) for name, iou in zip(self.classes.names, confusion.ious, strict=True)},
            "left_out": list(self.left_out),
            "palette": [list(colour) for colour in self.classes.palette],
            **confusion.as_json(),
        }

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write confusion.json (`as_json`) and confusions.npz (the per-image matrices and the images' names).

        Returns:
            The two paths.

        Raises:
            InputError: they cannot be written there.
        """
        summary, per_image = folder / _SUMMARY_FILE, folder / _PER_IMAGE_FILE
        write_file(summary, (json.dumps(self.as_json(), allow_nan=False, indent=1) + "\n").encode())
        content = io.BytesIO()
        np.savez_compressed(content, counts=self.counts, images=np.array(self.images, dtype=np.str_))
        write_file(per_image, content.getvalue())
        return summary, per_image

    @classmethod
    def read(cls, folder: Path) -> Evaluation:
        """The inverse of `write`.

        Raises:
            InputError: the files are missing, damaged, or not of one evaluation.
        """
        try:
            described = json.loads((folder / _SUMMARY_FILE).read_text())
            with np.load(folder / _PER_IMAGE_FILE, allow_pickle=False) as arrays:
                counts, images = arrays["counts"], tuple(map(str, arrays["images"]))
            evaluation = _restored(described, images, counts)
            fits = counts.shape[0] == len(images) and np.array_equal(counts.sum(0), described["counts"])
        # A damaged file makes the readers raise nearly anything.
        except Exception as error:
            raise InputError(f"evaluation {str(folder)!r} cannot be read: {one_line(error)}.") from error
        if not fits:
            raise InputError(
                f"evaluation {str(folder)!r} must hold {_SUMMARY_FILE} and {_PER_IMAGE_FILE} of one and the same run."
            )
        return evaluation


def _restored(described: Mapping[str, Any], images: tuple[str, ...], counts: NDArray[Any]) -> Evaluation:
    red_green_blue = [(int(r), int(g), int(b)) for r, g, b in described["palette"]]
    classes = ClassSet(tuple(described["iou"]), tuple(red_green_blue))
    return Evaluation(described["data_set"], described["split"], classes, images, counts, described["origin"])


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
