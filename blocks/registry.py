"""Where the blocks register themselves."""

from torch import nn

from microbench.registry import Registry

BLOCKS: Registry[nn.Module] = Registry("block")
