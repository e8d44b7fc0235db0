"""Where the interactions register themselves."""

from torch import nn

from microbench.registry import Registry, Takes

INTERACTIONS: Registry[nn.Module] = Registry("interaction", "microbench.interactions", Takes(("channels", "paths")))
