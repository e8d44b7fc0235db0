"""A data set of pairs of files: an image and its label map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lpsnet.data.dataset import Sample, SegmentationDataset
from lpsnet.data.images import read_image
from lpsnet.data.labels import LabelCode
from microbench.errors import InputError


@dataclass(frozen=True)
class FilePair:
    """The files of one sample.

    Attributes:
        image: the image file.
        label: its label file.
        name: the sample's name.
    """

    image: Path
    label: Path
    name: str


class FileDataset(SegmentationDataset):
    """Samples read from pairs of files, each time anew.

    Args:
        split: as the user asked for it.
        pairs: the split's files, at least one pair.
        code: how the label files write down classes.

    Raises:
        InputError: an image without a label file, or two samples of one name.
    """

    def __init__(self, split: str, pairs: Sequence[FilePair], code: LabelCode) -> None:
        self.split = split
        self._pairs = tuple(pairs)
        self._code = code
        self._check_pairs()

    def _check_pairs(self) -> None:
        images: dict[str, Path] = {}
        for pair in self._pairs:
            if pair.name in images:
                raise InputError(f"two images are called {pair.name!r}: {images[pair.name]} and {pair.image}.")
            images[pair.name] = pair.image
            if not pair.label.is_file():
                raise InputError(f"image {pair.image} has no label file: {pair.label} is missing.")

    def __len__(self) -> int:
        """The number of samples."""
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read and check the sample at `index`.

        Raises:
            InputError: a file that is corrupt or cut short, a label that stands for no class, or a label map of another
                size than its image.
        """
        pair = self._pairs[index]
        image = read_image(pair.image)
        label = self._code.read(pair.label)
        if image.shape[1:] != label.shape:
            raise InputError(
                f"label file {pair.label} is {label.shape[1]}x{label.shape[0]} pixels, "
                f"but must have the size of its image {pair.image}, {image.shape[2]}x{image.shape[1]}."
            )
        return Sample(image, label, pair.name)
