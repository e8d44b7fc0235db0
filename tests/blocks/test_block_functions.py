"""What each block computes, on weights and inputs small enough to work out by hand."""

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from blocks.bottleneck import Bottleneck
from blocks.conv3x3 import Conv3x3
from blocks.ghost import GhostModule
from blocks.inverted_residual import InvertedResidual
from blocks.residual import Residual
from blocks.sepconv3x3 import SepConv3x3
from blocks.shortcut import ShortcutSum
from blocks.shufflenet import ShuffleNetUnit


@pytest.fixture(autouse=True)
def _seeded_and_without_gradients() -> Iterator[None]:
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]


def set_centres(module: nn.Module, values: Sequence[float]) -> None:
    """Make each convolution multiply by one value: its kernels are zero but for their centres."""
    for conv, value in zip(convolutions(module), values, strict=True):
        middle = conv.kernel_size[0] // 2
        conv.weight.zero_()
        conv.weight[:, :, middle, middle] = value


def silence_last_norm(layers: nn.Sequential) -> None:
    assert layers[-1] is norms(layers)[-1]
    norms(layers)[-1].weight.zero_()


def assert_close(actual: Tensor, expected: Tensor) -> None:
    # A fresh batch norm divides by sqrt(1 + 1e-5), which the hand calculations leave out.
    torch.testing.assert_close(actual, expected, atol=1e-3, rtol=1e-3)


# How many of a 3×3 window's pixels lie on a 4×4 map.
WINDOW = torch.tensor([[4.0, 6.0, 6.0, 4.0], [6.0, 9.0, 9.0, 6.0], [6.0, 9.0, 9.0, 6.0], [4.0, 6.0, 6.0, 4.0]])


def test_a_bare_conv3x3_sums_the_windows_of_all_input_channels() -> None:
    block = Conv3x3(2, 1, bare=True)
    convolutions(block)[0].weight.fill_(1.0)
    assert torch.equal(block(torch.ones(1, 2, 4, 4))[0, 0], 2 * WINDOW)


def test_a_bare_conv3x3_of_stride_2_keeps_every_second_window() -> None:
    block = Conv3x3(1, 1, 2, bare=True)
    convolutions(block)[0].weight.fill_(1.0)
    assert torch.equal(block(torch.ones(1, 1, 4, 4))[0, 0], WINDOW[::2, ::2])


def test_a_conv3x3_shifts_by_its_norm_and_then_clips_at_zero() -> None:
    block = Conv3x3(1, 1).eval()
    convolutions(block)[0].weight.fill_(1.0)
    norms(block)[0].bias.fill_(-5.0)
    assert_close(block(torch.ones(1, 1, 4, 4))[0, 0], (WINDOW - 5).clamp(min=0))


def test_a_bare_sepconv_filters_each_channel_alone_and_then_mixes_them() -> None:
    block = SepConv3x3(2, 1, bare=True)
    filters, mix = convolutions(block)
    # The first channel is summed over its windows, the second multiplied by 5, and their difference taken.
    filters.weight[0].fill_(1.0)
    filters.weight[1].zero_()
    filters.weight[1, 0, 1, 1] = 5.0
    mix.weight.copy_(torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1))
    assert torch.equal(block(torch.ones(1, 2, 4, 4))[0, 0], WINDOW - 5)


def test_a_sepconv_clips_between_its_convolutions_unless_the_middle_norm_is_left_out() -> None:
    features = torch.ones(1, 1, 2, 2)
    clipped = SepConv3x3(1, 1).eval()
    direct = SepConv3x3(1, 1, middle_norm=False).eval()
    for block in (clipped, direct):
        set_centres(block, [-1.0, -1.0])
    assert_close(clipped(features), torch.zeros(1, 1, 2, 2))
    assert_close(direct(features), torch.ones(1, 1, 2, 2))


def test_a_sepconv_ends_in_a_relu_unless_it_is_bare() -> None:
    features = torch.ones(1, 1, 2, 2)
    for options, expected in (({}, 0.0), ({"middle_norm": False}, 0.0), ({"bare": True}, -1.0)):
        block = SepConv3x3(1, 1, **options).eval()
        set_centres(block, [1.0, -1.0])
        assert_close(block(features), torch.full((1, 1, 2, 2), expected))


def test_ghosts_first_channels_are_the_primary_convolutions_and_the_others_are_made_of_them() -> None:
    block = GhostModule(3, 4).eval()
    set_centres(block.cheap, [3.0])
    features = torch.randn(1, 3, 5, 5)
    primary = block.primary(features)
    output = block(features)
    assert torch.equal(output[:, :2], primary)
    assert_close(output[:, 2:], 3 * primary)


def test_ghost_cuts_the_last_cheap_channel_of_an_odd_width() -> None:
    block = GhostModule(3, 5).eval()
    set_centres(block.cheap, [3.0])
    features = torch.randn(1, 3, 5, 5)
    primary = block.primary(features)
    output = block(features)
    assert primary.shape[1] == 3
    assert torch.equal(output[:, :3], primary)
    assert_close(output[:, 3:], 3 * primary[:, :2])


def test_ghost_strides_in_its_primary_convolution() -> None:
    block = GhostModule(3, 4, 2)
    assert [conv.stride for conv in convolutions(block)] == [(2, 2), (1, 1)]


def test_ghosts_primary_convolution_is_pointwise_unless_it_is_asked_to_be_3x3() -> None:
    assert [conv.kernel_size for conv in convolutions(GhostModule(3, 4))] == [(1, 1), (3, 3)]
    assert [conv.kernel_size for conv in convolutions(GhostModule(3, 4, primary_kernel=3))] == [(3, 3), (3, 3)]


def test_an_inverted_residual_of_the_same_shape_adds_its_input() -> None:
    block = InvertedResidual(4, 4).eval()
    silence_last_norm(block.layers)
    features = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(features), features)


@pytest.mark.parametrize(("out_channels", "stride"), [(6, 1), (4, 2)])
def test_an_inverted_residual_of_another_shape_adds_nothing(out_channels: int, stride: int) -> None:
    block = InvertedResidual(4, out_channels, stride).eval()
    silence_last_norm(block.layers)
    assert torch.count_nonzero(block(torch.randn(1, 4, 5, 5))) == 0


@pytest.mark.parametrize(("expansion", "centres"), [(1, [1.0, -1.0]), (3, [1.0, 1.0, -1.0])])
def test_an_inverted_residual_clips_at_6_inside_and_is_linear_at_its_end(expansion: int, centres: list[float]) -> None:
    block = InvertedResidual(1, 2, expansion=expansion).eval()
    set_centres(block, centres)
    # Each of the expanded channels holds min(10, 6), and the projection adds them up with weight -1.
    assert_close(block(torch.full((1, 1, 2, 2), 10.0)), torch.full((1, 2, 2, 2), -6.0 * expansion))


@pytest.mark.parametrize("width", [8, 9])
def test_a_shufflenet_unit_passes_its_left_half_through_to_every_second_channel(width: int) -> None:
    block = ShuffleNetUnit(width, width).eval()
    features = torch.randn(2, width, 5, 5)
    left_channels = (width + 1) // 2
    output = block(features)
    assert torch.equal(output[:, 0::2], features[:, :left_channels])
    assert torch.equal(output[:, 1::2], block.right(features[:, left_channels:]))


@pytest.mark.parametrize(("in_channels", "out_channels", "stride"), [(8, 8, 2), (9, 9, 2), (8, 12, 1), (3, 9, 1)])
def test_a_shufflenet_unit_of_another_shape_computes_both_branches_from_the_whole_input(
    in_channels: int, out_channels: int, stride: int
) -> None:
    block = ShuffleNetUnit(in_channels, out_channels, stride).eval()
    features = torch.randn(2, in_channels, 5, 5)
    output = block(features)
    assert torch.equal(output[:, 0::2], block.left(features))
    assert torch.equal(output[:, 1::2], block.right(features))


def test_a_shufflenet_unit_clips_after_its_pointwise_convolutions_and_not_after_its_depthwise() -> None:
    block = ShuffleNetUnit(2, 2).eval()
    features = torch.ones(1, 2, 2, 2)
    for centres, expected in (
        ([1.0, -1.0, -1.0], 1.0),  # what the depthwise makes negative reaches the last pointwise
        ([-1.0, 1.0, 1.0], 0.0),  # what the first pointwise makes negative does not
        ([1.0, 1.0, -1.0], 0.0),  # nor does the unit yield it
    ):
        set_centres(block, centres)
        assert_close(block(features)[:, 1], torch.full((1, 2, 2), expected))


def test_a_shufflenet_units_left_branch_clips_at_its_end_only() -> None:
    block = ShuffleNetUnit(1, 2).eval()
    features = torch.ones(1, 1, 2, 2)
    for centres, expected in (([-1.0, -1.0], 1.0), ([1.0, -1.0], 0.0)):
        set_centres(block.left, centres)
        assert_close(block(features)[:, 0], torch.full((1, 2, 2), expected))


def test_a_shufflenet_units_state_holds_no_channel_order() -> None:
    assert all("order" not in key for key in ShuffleNetUnit(9, 9).state_dict())


@pytest.mark.parametrize("block", [Residual(4, 4), Bottleneck(4, 4)], ids=["residual", "bottleneck"])
def test_the_resnet_blocks_without_their_layers_are_the_relu_of_the_input(block: ShortcutSum) -> None:
    silence_last_norm(block.eval().layers)
    features = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(features), features.relu())


@pytest.mark.parametrize("block", [Residual(4, 4, 2), Bottleneck(4, 4, 2)], ids=["residual", "bottleneck"])
def test_the_resnet_blocks_of_another_shape_add_a_strided_projection(block: ShortcutSum) -> None:
    silence_last_norm(block.eval().layers)
    # A projection by -1 with four input channels is minus their sum, at every second pixel.
    set_centres(block.shortcut, [-1.0])
    features = torch.randn(1, 4, 5, 5)
    expected = (-features[:, :, ::2, ::2].sum(dim=1, keepdim=True)).relu().expand(1, 4, 3, 3)
    assert_close(block(features), expected)


@pytest.mark.parametrize(
    ("block", "centres"),
    [(Residual(1, 1), [1.0, 1.0]), (Bottleneck(1, 1), [1.0, 1.0, 1.0])],
    ids=["residual", "bottle"],
)
def test_the_resnet_blocks_add_before_the_last_relu(block: ShortcutSum, centres: list[float]) -> None:
    set_centres(block.eval(), centres)
    # -1 is clipped inside, so -1 + 0 is clipped at the end; 2 passes, 2 + 2 = 4.
    assert_close(block(torch.tensor([[[[-1.0, 2.0]]]])), torch.tensor([[[[0.0, 4.0]]]]))


@pytest.mark.parametrize(
    ("block", "negative_last"),
    [(Residual(1, 1), [1.0, -1.0]), (Bottleneck(1, 1), [1.0, 1.0, -1.0])],
    ids=["residual", "bottleneck"],
)
def test_the_resnet_blocks_last_convolution_is_not_clipped_before_the_sum(
    block: ShortcutSum, negative_last: list[float]
) -> None:
    set_centres(block.eval(), negative_last)
    assert_close(block(torch.full((1, 1, 1, 1), 2.0)), torch.zeros(1, 1, 1, 1))


def test_a_bottlenecks_3x3_convolution_carries_the_stride() -> None:
    block = Bottleneck(8, 16, 2)
    assert [(conv.kernel_size, conv.stride) for conv in convolutions(block.layers)] == [
        ((1, 1), (1, 1)),
        ((3, 3), (2, 2)),
        ((1, 1), (1, 1)),
    ]
