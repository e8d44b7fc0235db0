"""A data set that has been read once and stays in memory."""

from lpsnet.data.dataset import Sample, SegmentationDataset


class InMemory(SegmentationDataset):
    """All samples of another data set, read (and thereby checked) when this is made.

    Decoding costs more than all else that a small network's input goes through. The samples stay uint8, 4 bytes a
    pixel: CamVid's training split at 480x360 takes 254 MB, Cityscapes' 25 GB. They are shared: a caller that changes a
    tensor in place changes it for all who come after.

    Raises:
        InputError: what `dataset` raises for its first bad sample.
    """

    def __init__(self, dataset: SegmentationDataset) -> None:
        self.name = dataset.name
        self.split = dataset.split
        self.classes = dataset.classes
        self.caveat = dataset.caveat
        self._samples = [dataset[index] for index in range(len(dataset))]

    def __len__(self) -> int:
        """The number of samples."""
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`, not a copy."""
        return self._samples[index]
