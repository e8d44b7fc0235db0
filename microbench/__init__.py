"""Which convolutional block, widths and path interaction buy the most accuracy per millisecond on this device.

This file stays import-free, so that `microbench.measure` runs where neither torch nor pandas is installed.
"""

__version__ = "0.1.0"
