"""Where the interactions register themselves."""

from torch import nn

from microbench.registry import Registry

INTERACTIONS: Registry[nn.Module] = Registry("interaction")
