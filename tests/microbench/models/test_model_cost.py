"""Costs of small modules, against counts by hand: N batch, C channels, H x W pixels, 4 bytes a value."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from microbench.measure.workload import Cost
from microbench.models.build import build_workload

PIXELS = 8 * 10
IMAGE = (1, 4, 8, 10)


def cost_of(make: Callable[[], nn.Module], input_shape: tuple[int, ...] = IMAGE) -> Cost:
    return build_workload("counted", make, input_shape).cost


class Applied(nn.Module):
    """What a function makes of a convolution's output and of the input."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1, bias=False)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x), x)


class Only(nn.Module):
    """A function of the input alone."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


POINTWISE = 4 * PIXELS + 4 * 4 + 4 * PIXELS
"""Values that the convolution of `Applied` moves."""


def added_bytes(function: Callable[[Tensor, Tensor], Tensor]) -> int:
    """What `function` moves in values of float32, beyond the convolution before it."""
    moved = cost_of(lambda: Applied(function)).moved_bytes
    assert moved % 4 == 0
    return moved // 4 - POINTWISE


# Multiply-accumulates and parameters


def test_a_convolution() -> None:
    found = cost_of(lambda: nn.Conv2d(4, 6, 3, padding=1))
    weights = 6 * 4 * 9
    assert found == Cost(
        macs=PIXELS * weights, parameters=weights + 6, moved_bytes=4 * (4 * PIXELS + weights + 6 + 6 * PIXELS)
    )


def test_a_convolution_of_stride_2_works_on_a_quarter_of_the_pixels() -> None:
    found = cost_of(lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False))
    weights = 6 * 4 * 9
    assert found == Cost(PIXELS // 4 * weights, weights, 4 * (4 * PIXELS + weights + 6 * PIXELS // 4))


def test_a_depthwise_convolution_reads_one_channel_for_each_it_writes() -> None:
    found = cost_of(lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False))
    assert found == Cost(PIXELS * 4 * 9, 4 * 9, 4 * (4 * PIXELS + 4 * 9 + 4 * PIXELS))


def test_a_grouped_convolution() -> None:
    found = cost_of(lambda: nn.Conv2d(4, 8, 3, padding=1, groups=2, bias=False))
    assert found.macs == PIXELS * 8 * 2 * 9
    assert found.parameters == 8 * 2 * 9


def test_a_batch_costs_its_images_but_reads_the_weights_once() -> None:
    one = cost_of(lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False))
    three = cost_of(lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False), (3, *IMAGE[1:]))
    assert three.macs == 3 * one.macs
    assert three.parameters == one.parameters
    assert three.moved_bytes == 3 * one.moved_bytes - 2 * 4 * 6 * 4 * 9


def test_a_linear_layer() -> None:
    assert cost_of(lambda: nn.Linear(7, 3), (5, 7)) == Cost(5 * 7 * 3, 7 * 3 + 3, 4 * (5 * 7 + 7 * 3 + 3 + 5 * 3))


def test_a_linear_layer_without_a_bias_on_a_sequence() -> None:
    found = cost_of(lambda: nn.Linear(7, 3, bias=False), (2, 5, 7))
    assert found == Cost(2 * 5 * 7 * 3, 7 * 3, 4 * (2 * 5 * 7 + 7 * 3 + 2 * 5 * 3))


def test_a_product_of_two_maps() -> None:
    found = cost_of(lambda: Only(lambda x: x @ x.transpose(1, 2)), (2, 5, 7))
    assert found.macs == 2 * 5 * 7 * 5
    assert found.parameters == 0
    transposed = 2 * (2 * 5 * 7)
    assert found.moved_bytes == 4 * (transposed + 2 * (2 * 5 * 7) + 2 * 5 * 5)


def test_a_stack_costs_the_sum_of_its_layers() -> None:
    def stack() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(4, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 5, 1, bias=False),
            nn.BatchNorm2d(5),
        )

    first, second = 6 * 4 * 9, 5 * 6
    # Folding gives each convolution a bias.
    assert cost_of(stack) == Cost(
        macs=PIXELS * (first + second),
        parameters=first + 6 + second + 5,
        moved_bytes=4 * (4 * PIXELS + first + 6 + 6 * PIXELS + 6 * PIXELS + second + 5 + 5 * PIXELS),
    )


def test_pooling_resizing_and_activations_are_no_multiply_accumulates() -> None:
    def pooled() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(4, 6, 1, bias=False), nn.Sigmoid(), nn.AvgPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")
        )

    assert cost_of(pooled).macs == PIXELS * 6 * 4


# Bytes moved


@pytest.mark.parametrize("activation", [nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Sigmoid])
def test_an_activation_after_a_convolution_moves_nothing(activation: Callable[[], nn.Module]) -> None:
    layer = activation()
    assert added_bytes(lambda y, _: layer(y)) == 0


def test_an_activation_of_its_own_reads_and_writes() -> None:
    assert cost_of(lambda: Only(torch.relu)).moved_bytes == 4 * 2 * 4 * PIXELS


def test_an_addition_reads_two_maps_and_writes_one() -> None:
    assert added_bytes(lambda y, x: y + x) == 3 * 4 * PIXELS


def test_an_activation_after_an_addition_is_not_part_of_a_convolution() -> None:
    assert added_bytes(lambda y, x: torch.relu(y + x)) == 5 * 4 * PIXELS


def test_a_concatenation_reads_and_writes_all_channels() -> None:
    assert added_bytes(lambda y, x: torch.cat([y, x], dim=1)) == (4 + 4 + 8) * PIXELS


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda y, _: y.reshape(1, 2, 2, 8, 10), id="reshape"),
        pytest.param(lambda y, _: y.flatten(1), id="flatten"),
        pytest.param(lambda y, _: y.unsqueeze(0), id="unsqueeze"),
        pytest.param(lambda y, _: y.squeeze(0), id="squeeze"),
    ],
)
def test_a_view_moves_nothing(view: Callable[[Tensor, Tensor], Tensor]) -> None:
    assert added_bytes(view) == 0


def test_a_channel_shuffle_moves_the_map_once() -> None:
    def shuffled(y: Tensor, _: Tensor) -> Tensor:
        return y.reshape(1, 2, 2, 8, 10).transpose(1, 2).reshape(1, 4, 8, 10)

    assert added_bytes(shuffled) == 2 * 4 * PIXELS


def test_a_resize_reads_the_small_map_and_writes_the_large() -> None:
    def resized(y: Tensor, _: Tensor) -> Tensor:
        return nn.functional.interpolate(y, scale_factor=2.0, mode="nearest")

    assert added_bytes(resized) == (1 + 4) * 4 * PIXELS


def test_a_pooling_reads_the_large_map_and_writes_the_small() -> None:
    assert added_bytes(lambda y, _: nn.functional.max_pool2d(y, 2)) == 4 * PIXELS + PIXELS
