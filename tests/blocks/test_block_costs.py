"""Weights and multiply-accumulates, against counts derived by hand from the cited papers' layer lists.

A batch norm has two weights a channel, a bias-free k×k convolution k*k * in * out / groups, and that many MACs for each
output pixel.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import blocks


def weight_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def conv_macs(module: nn.Module, *input_shape: int) -> int:
    """The convolutions' MACs for one image, counted where they happen."""
    total = 0

    def count(conv: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += conv.weight.numel() * output.shape[2] * output.shape[3]

    hooks = [conv.register_forward_hook(count) for conv in module.modules() if isinstance(conv, nn.Conv2d)]
    # Meta tensors have shapes and no values: whole ImageNet networks are counted in no time.
    module.to("meta").eval()(torch.empty(1, *input_shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return total


def chain(name: str, rows: list[tuple[int, int, int]], **options: Any) -> nn.Sequential:
    """Blocks one after the other, each from (in_channels, out_channels, stride)."""
    with torch.device("meta"):
        return nn.Sequential(*(blocks.make(name, *row, **options) for row in rows))


def repeated(in_channels: int, out_channels: int, repeats: int, stride: int) -> list[tuple[int, int, int]]:
    """A stage: the first block changes the shape, the others keep it."""
    return [(in_channels, out_channels, stride)] + [(out_channels, out_channels, 1)] * (repeats - 1)


@pytest.mark.parametrize(
    ("name", "shape", "options", "expected"),
    [
        # 3*3 * 32 * 32, and with its norm 2 * 32 more.
        ("conv3x3", (32, 32, 1), {"bare": True}, 9216),
        ("conv3x3", (32, 32, 1), {}, 9216 + 64),
        ("conv3x3", (3, 16, 2), {}, 3 * 9 * 16 + 2 * 16),
        # Depthwise 32 * 9 = 288, pointwise 32 * 32 = 1024.
        ("sepconv3x3", (32, 32, 1), {"bare": True}, 288 + 1024),
        ("sepconv3x3", (32, 32, 1), {"bare": True, "middle_norm": False}, 288 + 1024),
        ("sepconv3x3", (32, 64, 2), {}, 32 * 9 + 2 * 32 + 32 * 64 + 2 * 64),
        ("sepconv3x3", (32, 64, 2), {"middle_norm": False}, 32 * 9 + 32 * 64 + 2 * 64),
        # The first Ghost module of GhostNet: 16 -> 8 by a 1×1, 8 -> 8 by a depthwise, a norm of 8 after each.
        ("ghost", (16, 16, 1), {}, 16 * 8 + 2 * 8 + 8 * 9 + 2 * 8),
        ("ghost", (16, 16, 1), {"primary_kernel": 3}, 16 * 9 * 8 + 2 * 8 + 8 * 9 + 2 * 8),
        # An odd 9 comes of ceil(9 / 2) = 5 primary and 5 cheap channels, the last of which is cut.
        ("ghost", (3, 9, 1), {}, 3 * 5 + 2 * 5 + 5 * 9 + 2 * 5),
        # ratio 4: 16 / 4 = 4 primary channels, 3 cheap ones of each.
        ("ghost", (16, 16, 1), {"ratio": 4}, 16 * 4 + 2 * 4 + 12 * 9 + 2 * 12),
        # MobileNetV2's blocks 1 to 3: t=1 without an expansion; 16 * 6 = 96; 24 * 6 = 144 inner channels.
        ("inverted_residual", (32, 16, 1), {"expansion": 1}, 32 * 9 + 2 * 32 + 32 * 16 + 2 * 16),
        ("inverted_residual", (16, 24, 2), {}, 16 * 96 + 2 * 96 + 96 * 9 + 2 * 96 + 96 * 24 + 2 * 24),  # 5,136
        ("inverted_residual", (24, 24, 1), {}, 24 * 144 + 2 * 144 + 144 * 9 + 2 * 144 + 144 * 24 + 2 * 24),  # 8,832
        # ShuffleNetV2 1x, stage 2. Left: 24*9 + 48 + 24*58 + 116. Right: 24*58 + 116 + 58*9 + 116 + 58*58 + 116.
        ("shufflenet", (24, 116, 2), {}, 1772 + 5626),
        # Its stride-1 unit: 58*58 + 116 + 58*9 + 116 + 58*58 + 116 on one half, nothing on the other.
        ("shufflenet", (116, 116, 1), {}, 7598),
        # Our odd widths: 4 of 9 channels are convolved.
        ("shufflenet", (9, 9, 1), {}, 4 * 4 + 8 + 4 * 9 + 8 + 4 * 4 + 8),
        # and 5 left, 4 right where the shape changes.
        ("shufflenet", (3, 9, 2), {}, (3 * 9 + 6 + 3 * 5 + 10) + (3 * 4 + 8 + 4 * 9 + 8 + 4 * 4 + 8)),
        # ResNet-18's first block of stages 1 and 2: 2 * 64*64*9 + 2 * 128; a projection 64*128 + 256 in the second.
        ("residual", (64, 64, 1), {}, 73_984),
        ("residual", (64, 128, 2), {}, 64 * 128 * 9 + 256 + 128 * 128 * 9 + 256 + 64 * 128 + 256),
        # ResNet-50: 256*64 + 64*64*9 + 64*256, norms 2 * (64 + 64 + 256); projected from 64 channels, 64*256 + 512.
        ("bottleneck", (256, 256, 1), {}, 70_400),
        ("bottleneck", (64, 256, 1), {}, 64 * 64 + 36_864 + 64 * 256 + 768 + 64 * 256 + 512),
        ("bottleneck", (256, 256, 1), {"reduction": 2}, 256 * 128 + 128 * 128 * 9 + 128 * 256 + 2 * (128 + 128 + 256)),
        # floor(2 / 4) = 0 inner channels become 1.
        ("bottleneck", (2, 2, 1), {}, 2 * 1 + 2 + 9 + 2 + 1 * 2 + 4),
    ],
)
def test_a_block_has_the_weights_of_its_layer_list(
    name: str, shape: tuple[int, int, int], options: dict[str, Any], expected: int
) -> None:
    assert weight_count(blocks.make(name, *shape, **options)) == expected


@pytest.mark.parametrize(
    ("name", "shape", "options", "expected"),
    [
        # LPS-Net's Figure 4 at 32×128×128: 151.0 and 21.5 M.
        ("conv3x3", (32, 32, 1), {"bare": True}, 32 * 32 * 9 * 128 * 128),
        ("sepconv3x3", (32, 32, 1), {"bare": True}, (32 * 9 + 32 * 32) * 128 * 128),
        # Stride 2 leaves a quarter of the pixels to everything from the strided convolution on.
        ("conv3x3", (32, 64, 2), {}, 32 * 64 * 9 * 64 * 64),
        ("sepconv3x3", (32, 64, 2), {}, (32 * 9 + 32 * 64) * 64 * 64),
        ("ghost", (32, 64, 1), {}, (32 * 32 + 32 * 9) * 128 * 128),
        ("ghost", (32, 64, 2), {}, (32 * 32 + 32 * 9) * 64 * 64),
        ("inverted_residual", (32, 64, 2), {}, 32 * 192 * 128 * 128 + (192 * 9 + 192 * 64) * 64 * 64),
        ("shufflenet", (32, 32, 1), {}, (16 * 16 + 16 * 9 + 16 * 16) * 128 * 128),
        (
            "shufflenet",
            (32, 64, 2),
            {},
            (32 * 9 + 32 * 32) * 64 * 64 + 32 * 32 * 128 * 128 + (32 * 9 + 32 * 32) * 64 * 64,
        ),
        ("residual", (32, 32, 1), {}, 2 * 32 * 32 * 9 * 128 * 128),
        ("residual", (32, 64, 2), {}, (32 * 64 * 9 + 64 * 64 * 9 + 32 * 64) * 64 * 64),
        # The 3×3 carries the stride, so that the first 1×1 works at full size.
        ("bottleneck", (32, 64, 2), {}, 32 * 16 * 128 * 128 + (16 * 16 * 9 + 16 * 64 + 32 * 64) * 64 * 64),
    ],
)
def test_a_block_costs_the_macs_of_its_layer_list(
    name: str, shape: tuple[int, int, int], options: dict[str, Any], expected: int
) -> None:
    assert conv_macs(blocks.make(name, *shape, **options), 32, 128, 128) == expected


# Below: the published totals of the networks that the blocks come from, less their stem and classifier. The totals to
# the last weight are those of torchvision's model pages (MobileNetV1: that of Keras, without running statistics).


def test_sepconvs_make_up_mobilenet_v1() -> None:
    rows = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2)]
    rows += [(512, 512, 1)] * 5 + [(512, 1024, 2), (1024, 1024, 1)]
    body = chain("sepconv3x3", rows)
    assert weight_count(body) == 4_231_976 - (3 * 9 * 32 + 64) - (1024 * 1000 + 1000)
    # The paper's Table 8: 569 million mult-adds.
    macs = 3 * 9 * 32 * 112 * 112 + conv_macs(body, 32, 112, 112) + 1024 * 1000
    assert round(macs / 1e6) == 569


def test_inverted_residuals_make_up_mobilenet_v2() -> None:
    first = chain("inverted_residual", [(32, 16, 1)], expansion=1)
    rows = repeated(16, 24, 2, 2) + repeated(24, 32, 3, 2) + repeated(32, 64, 4, 2)
    rows += repeated(64, 96, 3, 1) + repeated(96, 160, 3, 2) + repeated(160, 320, 1, 1)
    body = nn.Sequential(first, chain("inverted_residual", rows))
    assert weight_count(body) == 3_504_872 - (3 * 9 * 32 + 64) - (320 * 1280 + 2560) - (1280 * 1000 + 1000)
    # The paper's Table 4: 300 million mult-adds.
    macs = 3 * 9 * 32 * 112 * 112 + conv_macs(body, 32, 112, 112) + 320 * 1280 * 7 * 7 + 1280 * 1000
    assert macs / 1e6 == pytest.approx(300, abs=1)


def test_shufflenet_units_make_up_shufflenet_v2() -> None:
    rows = repeated(24, 116, 4, 2) + repeated(116, 232, 8, 2) + repeated(232, 464, 4, 2)
    body = chain("shufflenet", rows)
    assert weight_count(body) == 2_278_604 - (3 * 9 * 24 + 48) - (464 * 1024 + 2048) - (1024 * 1000 + 1000)
    # The paper's Table 5: 146 million, with a counter of its own; fvcore finds 145 for torchvision's.
    macs = 3 * 9 * 24 * 112 * 112 + conv_macs(body, 24, 56, 56) + 464 * 1024 * 7 * 7 + 1024 * 1000
    assert macs / 1e6 == pytest.approx(146, abs=2)


def test_residual_blocks_make_up_resnet_18() -> None:
    rows = repeated(64, 64, 2, 1) + repeated(64, 128, 2, 2) + repeated(128, 256, 2, 2) + repeated(256, 512, 2, 2)
    body = chain("residual", rows)
    assert weight_count(body) == 11_689_512 - (3 * 49 * 64 + 128) - (512 * 1000 + 1000)
    # 1.814 G with the 7×7 stem and the classifier.
    assert conv_macs(body, 64, 56, 56) == 1_814_073_344 - 3 * 49 * 64 * 112 * 112 - 512 * 1000


def test_bottlenecks_make_up_resnet_50() -> None:
    rows = repeated(64, 256, 3, 1) + repeated(256, 512, 4, 2) + repeated(512, 1024, 6, 2) + repeated(1024, 2048, 3, 2)
    body = chain("bottleneck", rows)
    assert weight_count(body) == 25_557_032 - (3 * 49 * 64 + 128) - (2048 * 1000 + 1000)
    # 4.089 G with the 7×7 stem and the classifier, where the 3×3 carries the stride (3.8 G where the first 1×1 does).
    macs = 3 * 49 * 64 * 112 * 112 + conv_macs(body, 64, 56, 56) + 2048 * 1000
    assert round(macs / 1e9, 3) == 4.089
