from typing import Any

import pytest
import torch
from torch import nn

import blocks
import interactions
import lpsnet
from blocks.conv3x3 import Conv3x3
from lpsnet import Architecture
from lpsnet.reparameterisation import ReparameterisedConv3x3, folded, train_form


def has_bn(module: nn.Module) -> bool:
    return any(isinstance(child, nn.BatchNorm2d) for child in module.modules())
