import torch

from lpsnet import data
from lpsnet.data import ClassSet, InMemory, Sample, SegmentationDataset


class Counting(SegmentationDataset):
    """Three samples, and how often one was asked for."""

    name = "counting"
    split = "val"
    classes = ClassSet(("thing",), ((1, 2, 3),))

    def __init__(self) -> None:
        self.reads = 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        self.reads += 1
        return Sample(torch.full((3, 2, 2), index), torch.zeros(2, 2), str(index))


def test_reads_each_sample_once() -> None:
    files = Counting()
    memory = InMemory(files)
    assert [sample.name for _ in range(4) for sample in memory] == ["0", "1", "2"] * 4
    assert files.reads == len(memory) == 3


def test_is_the_data_set_that_it_holds() -> None:
    memory = InMemory(data.make("generated", "test", count=2, size=(16, 16)))
    assert (memory.name, memory.split, len(memory.classes.names)) == ("generated", "test", 11)


def test_all_names_are_listed() -> None:
    assert data.NAMES == ("bdd100k", "camvid", "cityscapes", "generated")
