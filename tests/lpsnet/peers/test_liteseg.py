"""LiteSeg: the counts that its authors published, each part's count by hand, and what it computes."""

from collections.abc import Callable

import pytest
import torch
from network_counts import convolution_macs, parameters

from lpsnet.peers.liteseg import LiteSeg, liteseg_darknet19, liteseg_mobilenetv2, liteseg_shufflenet

BUILDERS = (liteseg_mobilenetv2, liteseg_shufflenet, liteseg_darknet19)
Builder = Callable[..., LiteSeg]


@pytest.mark.parametrize(
    ("build", "published", "unused_classifier"),
    [
        (liteseg_mobilenetv2, 4_382_707, 1280 * 1000 + 1000),
        (liteseg_shufflenet, 3_508_451, 1536 * 1000 + 1000),
        (liteseg_darknet19, 20_545_459, 0),
    ],
)
def test_it_has_the_published_parameters_less_the_unused_classifier(
    build: Builder, published: int, unused_classifier: int
) -> None:
    assert parameters(build()) + unused_classifier == published


@pytest.mark.parametrize(
    ("build", "backbone", "decoder"),
    [
        (liteseg_mobilenetv2, 2_223_872, 877_835),
        (liteseg_shufflenet, 917_304, 1_054_147),
        (liteseg_darknet19, 19_817_376, 728_083),
    ],
)
def test_backbone_and_decoder_have_their_parameters(build: Builder, backbone: int, decoder: int) -> None:
    network = build()
    assert parameters(network.backbone) == backbone
    assert parameters(network) - backbone == decoder


def test_the_pyramid_on_mobilenetv2_counts_as_by_hand() -> None:
    pyramid = liteseg_mobilenetv2().pyramid
    norm = 2 * 96
    rate_1 = 1280 + 1280 * 96 + norm
    dilated = (9 * 1280 + 1280 * 96 + norm) + (9 * 96 + 96 * 96 + norm)
    context = 1280 * 96 + norm
    joined = 1280 + 5 * 96
    assert parameters(pyramid) == rate_1 + 3 * dilated + context + (joined + joined * 96 + norm)


@pytest.mark.parametrize(
    ("build", "gmacs"),
    [
        (liteseg_mobilenetv2, {(512, 1024): 4.305, (360, 640): 1.938, (1024, 2048): 17.22}),
        (liteseg_shufflenet, {(512, 1024): 2.245, (360, 640): 1.013, (1024, 2048): 8.98}),
        (liteseg_darknet19, {(512, 1024): 57.13, (360, 640): 25.35, (1024, 2048): 222.6}),
    ],
)
def test_it_does_the_published_arithmetic(build: Builder, gmacs: dict[tuple[int, int], float]) -> None:
    for (height, width), expected in gmacs.items():
        assert float(f"{convolution_macs(build(), height, width) / 1e9:.4g}") == expected


@pytest.mark.parametrize(("build", "low"), [(liteseg_mobilenetv2, 4), (liteseg_shufflenet, 8), (liteseg_darknet19, 4)])
def test_scores_have_the_size_of_the_low_level_map(build: Builder, low: int) -> None:
    with torch.device("meta"):
        network = build(num_classes=11).eval()
        assert network(torch.empty(2, 3, 512, 1024)).shape == (2, 11, 512 // low, 1024 // low)


def test_darknet_pads_and_dilates_so_that_its_last_map_has_a_sixteenth_of_the_size() -> None:
    with torch.device("meta"):
        low, high = liteseg_darknet19().backbone(torch.empty(1, 3, 512, 1024))
    assert low.shape == (1, 128, 128, 256)
    assert high.shape == (1, 1024, 32, 64)
