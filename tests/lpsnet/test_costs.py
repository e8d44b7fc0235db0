"""Parameters and multiply-accumulates of whole networks, against the shapes written out by hand."""

import math

import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn

import lpsnet
from lpsnet import Architecture

pytestmark = pytest.mark.heavy


def counted_conv_macs(network: nn.Module, height: int, width: int) -> int:
    analysis = FlopCountAnalysis(network.eval(), torch.zeros(1, 3, height, width))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return int(analysis.by_operator()["conv"])


def written_conv_macs(architecture: Architecture, classes: int, height: int, width: int) -> int:
    """The 3×3 convolutions of all paths and the 1×1 head, without an interaction's."""
    macs, scores = 0, 0
    for ratio in architecture.ratios:
        rows, columns, channels = int(height * ratio), int(width * ratio), 3
        for depth, stage_width, stride in zip(architecture.depth, architecture.width, (2, 2, 2, 2, 1), strict=True):
            rows, columns = math.ceil(rows / stride), math.ceil(columns / stride)
            macs += rows * columns * 9 * stage_width * (channels + (depth - 1) * stage_width)
            channels = stage_width
        scores = scores or rows * columns
    return macs + scores * len(architecture.ratios) * architecture.width[-1] * classes


@pytest.mark.parametrize(
    ("name", "deploy", "with_bn"),
    [
        ("lpsnet-step-0", 16_091, 16_183),
        ("lpsnet-s", 3_371_075, 3_375_363),
        ("lpsnet-m", 3_371_075, 3_375_363),
        ("lpsnet-l", 9_152_291, 9_159_235),
    ],
)
def test_parameters_are_those_of_the_authors_networks(name: str, deploy: int, with_bn: int) -> None:
    with torch.device("meta"):
        networks = [lpsnet.build(name, deploy=True), lpsnet.build(name, reparameterised=False)]
    assert [sum(p.numel() for p in network.parameters()) for network in networks] == [deploy, with_bn]


@pytest.mark.parametrize(
    ("name", "classes", "size", "giga_macs"),
    [
        ("lpsnet-step-0", 19, (1024, 2048), 0.063),
        ("lpsnet-s", 19, (1024, 2048), 10.42),
        ("lpsnet-m", 19, (1024, 2048), 17.72),
        ("lpsnet-l", 19, (1024, 2048), 43.81),
        ("lpsnet-s", 11, (720, 960), 3.47),
        ("lpsnet-s", 11, (360, 480), 0.89),
    ],
)
def test_macs_are_those_of_the_authors_networks(
    name: str, classes: int, size: tuple[int, int], giga_macs: float
) -> None:
    macs = counted_conv_macs(lpsnet.build(name, classes, deploy=True), *size)
    assert macs == written_conv_macs(lpsnet.architecture(name), classes, *size)
    assert round(macs / 1e9, 3 if giga_macs < 0.1 else 2) == giga_macs


@pytest.mark.parametrize(("c", "giga_macs"), [(14, 18.4), (16, 24.0)])
def test_macs_of_the_3x3_network_are_those_of_tables_2_and_3(c: int, giga_macs: float) -> None:
    architecture = lpsnet.table2_architecture(c)
    macs = counted_conv_macs(lpsnet.build(architecture, interaction="none", deploy=True), 1024, 2048)
    assert macs == written_conv_macs(architecture, 19, 1024, 2048)
    assert round(macs / 1e9, 1) == giga_macs


def test_the_deploy_form_costs_no_less_work_than_the_plain_one(small: Architecture) -> None:
    sizes = [lpsnet.build(small, deploy=deploy, reparameterised=False) for deploy in (False, True)]
    plain, deploy = (counted_conv_macs(network, 64, 96) for network in sizes)
    assert plain == deploy == written_conv_macs(small, 19, 64, 96)
