"""Where the blocks register themselves."""

from torch import nn

from microbench.registry import Registry, Takes

BLOCKS: Registry[nn.Module] = Registry("block", "microbench.blocks", Takes(("in_channels", "out_channels", "stride")))
