"""Where the data sets register themselves."""

from lpsnet.data.dataset import SegmentationDataset
from microbench.registry import Registry

DATA_SETS: Registry[SegmentationDataset] = Registry("data set")
