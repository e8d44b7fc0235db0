"""Where the networks register themselves."""

from torch import nn

from microbench.registry import Registry, Takes

NETWORKS: Registry[nn.Module] = Registry("network", "microbench.networks", Takes(("num_classes",)))
"""Each maps an image (N, 3, H, W), normalised as for LPS-Net, to score maps (N, num_classes, h, w), and is built in the
form that is trained. `lpsnet.to_deploy` makes its deploy form."""
