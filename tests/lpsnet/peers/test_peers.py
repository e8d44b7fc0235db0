"""The peers: published counts, what they compute in each form, their sizes, and one step of training."""

import math

import pytest
import torch
from network_counts import convolution_macs, parameters
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

import lpsnet
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import binned_average
from microbench.errors import InputError

PEERS = tuple(name for name in lpsnet.NAMES if not name.startswith("lpsnet-"))


def peer(name: str, num_classes: int = 19) -> Peer:
    built = lpsnet.build(name, num_classes)
    assert isinstance(built, Peer)
    return built


def inference_parameters(network: Peer) -> int:
    return parameters(network) - parameters(network.auxiliary)


@pytest.mark.parametrize(
    ("name", "published_millions", "published_gmacs"),
    [
        ("fast-scnn", "1.138", "6.71"),
        ("dabnet", "0.757", "40.88"),
        ("bisenetv1-r18", "13.24", "118.3"),  # the file says where this differs from others' 13.28
        ("bisenetv2", "3.36", "98.4"),
        ("ddrnet-23-slim", "5.70", "36.3"),
        ("ddrnet-23", "20.15", "143.1"),
        ("pidnet-s", "7.626", "47.19"),
        ("sfnet-df1", "8.42", "32.7"),
        ("regseg", "3.335", "38.4"),  # the paper prints 3.34
    ],
)
def test_counts_are_those_published(name: str, published_millions: str, published_gmacs: str) -> None:
    def printed(value: float, like: str) -> str:
        return f"{value:.{len(like.partition('.')[2])}f}"

    assert printed(inference_parameters(peer(name)) / 1e6, published_millions) == published_millions
    assert printed(convolution_macs(peer(name), 1024, 2048) / 1e9, published_gmacs) == published_gmacs


@pytest.mark.parametrize(
    ("name", "published_millions", "published_gmacs"), [("stdc1", 12.05, 77.8), ("stdc2", 16.08, 104.15)]
)
def test_stdc_counts_add_up_to_those_published(name: str, published_millions: float, published_gmacs: float) -> None:
    def head(channels: int, classes: int) -> int:
        return channels * 64 * 9 + 2 * 64 + 64 * classes

    network = peer(name)
    classifier = (1024 * 1024 + 2 * 1024) + 1024 * 1024 + 2 * 1024 + 1024 * 1000
    boundary = sum(head(channels, 1) for channels in (32, 64, 256, 512))
    assert parameters(network.auxiliary) == 2 * head(128, 19)
    assert round((parameters(network) + classifier + boundary) / 1e6, 2) == published_millions

    def head_macs(channels: int, classes: int, scale: int) -> int:
        return (1024 // scale) * (2048 // scale) * (channels * 64 * 9 + 64 * classes)

    heads = head_macs(128, 19, 8) + head_macs(128, 19, 16) + head_macs(256, 1, 8) + head_macs(512, 1, 16)
    assert (convolution_macs(network, 1024, 2048) + heads) / 1e9 == pytest.approx(published_gmacs, abs=0.05)


def test_icnet_counts_are_those_published_with_its_auxiliary_classifiers() -> None:
    network = peer("icnet")
    assert parameters(network) == 47_489_184
    assert parameters(network.auxiliary) == 2 * 128 * 19
    classifiers = (64 * 128 + 128 * 256) * 128 * 19
    assert round((convolution_macs(network, 1024, 2048) + classifiers) / 1e9, 1) == 128.7


@pytest.mark.parametrize(("name", "units", "features"), [
    ("drn-d-22", (2, 2, 2, 2), 15_880_752), ("drn-d-38", (3, 4, 6, 3), 25_988_912),
])  # fmt: skip
def test_drn_counts_as_by_hand(name: str, units: tuple[int, ...], features: int) -> None:
    def conv(before: int, after: int, side: int) -> int:
        return before * after * side * side + 2 * after

    stem = conv(3, 16, 7) + conv(16, 16, 3) + conv(16, 32, 3)
    widths = (32, 64, 128, 256, 512)
    stages = sum(
        conv(before, after, 3) + conv(before, after, 1) + (2 * count - 1) * conv(after, after, 3)
        for before, after, count in zip(widths, widths[1:], units, strict=False)
    )
    assert stem + stages + 2 * conv(512, 512, 3) == features
    assert parameters(peer(name)) == features + 512 * 19 + 19


@pytest.mark.parametrize("name", PEERS)
def test_the_deploy_form_gives_the_scores_of_the_train_form_without_its_auxiliary_heads(name: str) -> None:
    torch.manual_seed(0)
    network = peer(name, 11)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    network.eval()
    deployed = lpsnet.to_deploy(network)
    image = torch.randn(2, 3, 64, 128)
    with torch.inference_mode():
        expected, found = network(image), deployed(image)
    assert (expected - found).abs().max() <= 1e-4 * expected.abs().max()
    assert isinstance(deployed, Peer)
    assert len(deployed.auxiliary) == 0
    norms = [module for module in deployed.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) < len([module for module in network.modules() if isinstance(module, nn.BatchNorm2d)])


@pytest.mark.parametrize("name", PEERS)
def test_an_odd_size_is_taken_or_refused_with_the_multiple_that_is_needed(name: str) -> None:
    with torch.device("meta"):
        network = peer(name, 11).eval()
        image = torch.empty(1, 3, 713, 1001)
        if network.multiple > 1:
            with pytest.raises(InputError, match=rf"multiples of {network.multiple}, not 713x1001"):
                network(image)
        else:
            scores = network(image)
            assert scores.shape[:2] == (1, 11)
            assert 3.9 < 713 / scores.shape[2] < 16.5


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_a_few_steps_of_training_lower_the_loss_of_every_head(name: str) -> None:
    torch.manual_seed(0)
    network = peer(name, 3).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    image = torch.randn(2, 3, 64, 128)
    labels = torch.randint(3, (2, 8, 16)).repeat_interleave(8, 1).repeat_interleave(8, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)

    def losses() -> list[torch.Tensor]:
        scores = network.training_scores(image)
        return [cross_entropy(nn.functional.interpolate(maps, (64, 128), mode="bilinear"), labels) for maps in scores]

    first = [loss.item() for loss in losses()]
    for _ in range(6):
        optimizer.zero_grad()
        torch.stack(losses()).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    last = [loss.item() for loss in losses()]
    assert len(first) == 1 + len(network.auxiliary)
    assert all(math.isfinite(loss) for loss in last)
    assert all(after < before for before, after in zip(first, last, strict=True))


def test_what_is_no_image_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match=r"image must have the shape \(N, 3, H, W\), not \(1, 4, 64, 64\)"):
        peer("regseg")(torch.empty(1, 4, 64, 64))
    with pytest.raises(InputError, match="image must be at least 32 pixels high and wide, not 16x64"):
        peer("regseg")(torch.empty(1, 3, 16, 64))


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(32, 64), (7, 13), (23, 32)])
def test_averages_over_parts_are_those_of_torch(bins: int, size: tuple[int, int]) -> None:
    maps = torch.randn(2, 5, *size)
    torch.testing.assert_close(binned_average(maps, bins), adaptive_avg_pool2d(maps, bins))
