"""Where the networks register themselves, those of LPS-Net first."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from lpsnet import family
from microbench.registry import Registry, Takes

if TYPE_CHECKING:
    from torch import nn

NETWORKS: Registry[nn.Module] = Registry("network", "microbench.networks", Takes(("num_classes",)))
"""Each maps an image (N, 3, H, W), normalised as for LPS-Net, to score maps (N, num_classes, h, w), and is built in the
form that is trained. `lpsnet.to_deploy` makes its deploy form."""


def _build(name: str, num_classes: int) -> nn.Module:
    from lpsnet.building import build

    return build(name, num_classes)


for _name in family.NAMES:
    NETWORKS.add(_name, functools.partial(_build, _name))
