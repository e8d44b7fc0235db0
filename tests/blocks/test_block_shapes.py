"""The shape that each block promises, at sizes and widths of every parity."""

import pytest
import torch

import blocks

WIDTHS = [(8, 8), (9, 9), (3, 8), (3, 9), (9, 6), (1, 2), (2, 2)]
SIZES = [(1, 1), (1, 4), (2, 3), (5, 5), (6, 7), (8, 8)]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", blocks.NAMES)
def test_a_block_maps_any_size_to_its_stridth_part_rounded_up(name: str, stride: int) -> None:
    for in_channels, out_channels in WIDTHS:
        block = blocks.make(name, in_channels, out_channels, stride).eval()
        for height, width in SIZES:
            output = block(torch.randn(2, in_channels, height, width))
            assert output.shape == (2, out_channels, -(-height // stride), -(-width // stride))


@pytest.mark.parametrize("name", [name for name in blocks.NAMES if name != "shufflenet"])
def test_every_block_but_shufflenet_takes_a_single_channel(name: str) -> None:
    assert blocks.make(name, 1, 1).eval()(torch.randn(1, 1, 4, 4)).shape == (1, 1, 4, 4)


def test_the_stride_is_1_where_none_is_given() -> None:
    for name in blocks.NAMES:
        assert blocks.make(name, 4, 4).eval()(torch.randn(1, 4, 6, 6)).shape == (1, 4, 6, 6)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [8, 9])
@pytest.mark.parametrize("name", blocks.NAMES)
def test_training_reaches_every_parameter(name: str, width: int, stride: int) -> None:
    torch.manual_seed(0)
    block = blocks.make(name, width, width, stride)
    # A plain sum would not do: behind a batch norm its gradient is zero.
    block(torch.randn(4, width, 8, 8)).square().sum().backward()
    for parameter_name, parameter in block.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", blocks.NAMES)
def test_a_block_leaves_its_input_as_it_was(name: str) -> None:
    features = torch.randn(1, 8, 5, 5)
    before = features.clone()
    with torch.no_grad():
        blocks.make(name, 8, 8).eval()(features)
    assert torch.equal(features, before)
