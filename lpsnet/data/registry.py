"""Where the data sets register themselves."""

from lpsnet.data.dataset import SegmentationDataset
from microbench.registry import Extends, Registry

DATA_SETS: Registry[SegmentationDataset] = Registry(
    "data set",
    "microbench.data_sets",
    Extends(SegmentationDataset, ("name", "classes", "splits")),
)
