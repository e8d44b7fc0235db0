from collections.abc import Callable

import pytest
import torch
from torch import nn

import blocks
import interactions
import lpsnet
from blocks.conv3x3 import Conv3x3
from lpsnet import Architecture
from lpsnet.reparameterisation import ReparameterisedConv3x3, folded, train_form

Train = Callable[[nn.Module], None]


def has_bn(module: nn.Module) -> bool:
    return any(isinstance(child, nn.BatchNorm2d) for child in module.modules())


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [child for child in module.modules() if isinstance(child, nn.Conv2d)]


@pytest.mark.parametrize(("in_channels", "stride", "branches"), [(8, 1, 3), (8, 2, 2), (4, 1, 2), (4, 2, 2)])
def test_the_identity_branch_is_there_where_the_shape_is_kept(in_channels: int, stride: int, branches: int) -> None:
    block = train_form(blocks.make("conv3x3", in_channels, 8, stride))
    assert sum(isinstance(module, nn.BatchNorm2d) for module in block.modules()) == branches
    assert block(torch.randn(2, in_channels, 9, 11)).shape == (2, 8, -(-9 // stride), -(-11 // stride))


@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (8, 2), (4, 1)])
def test_the_train_form_is_the_sum_of_its_branches(in_channels: int, stride: int, trained: Train) -> None:
    block = train_form(Conv3x3(in_channels, 8, stride)).eval()
    trained(block)
    assert isinstance(block, ReparameterisedConv3x3)
    features = torch.randn(2, in_channels, 9, 11)
    (conv3, bn3), (conv1, bn1) = block.spatial, block.point
    total = bn3(conv3(features)) + bn1(conv1(features))
    if in_channels == 8 and stride == 1:
        assert block.identity is not None
        total = total + block.identity(features)
    torch.testing.assert_close(block(features), total.clamp(min=0))


@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (8, 2), (4, 1)])
def test_the_branches_fold_to_one_biased_3x3_convolution(in_channels: int, stride: int, trained: Train) -> None:
    block = train_form(Conv3x3(in_channels, 8, stride)).eval()
    trained(block)
    features = torch.randn(2, in_channels, 9, 11)
    before = block(features)
    conv, activation = folded(block).children()
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(activation, nn.ReLU)
    assert conv.kernel_size == (3, 3)
    torch.testing.assert_close(activation(conv(features)), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in blocks.NAMES if name != "conv3x3"])
def test_other_blocks_are_trained_as_they_are(name: str) -> None:
    block = blocks.make(name, 8, 8)
    assert train_form(block) is block


def test_a_bare_convolution_has_no_branches() -> None:
    block = Conv3x3(8, 8, bare=True)
    assert train_form(block) is block


@pytest.mark.parametrize("name", ["lpsnet-s", "lpsnet-l"])
def test_the_deploy_form_has_the_scores_of_the_train_form(name: str, trained: Train) -> None:
    network = lpsnet.build(lpsnet.architecture(name)).eval()
    trained(network)
    image = torch.randn(1, 3, 96, 128)
    with torch.no_grad():
        before = network(image)
        # As large as the scores of a trained network, so that the tolerance means something.
        network.head.weight *= 5 / before.std()
        before = network(image)
    after = lpsnet.to_deploy(network)(image)
    assert 4 < before.std() < 6
    torch.testing.assert_close(after, before, rtol=0, atol=1e-4)


@pytest.mark.parametrize("interaction", interactions.NAMES)
@pytest.mark.parametrize("block", blocks.NAMES)
def test_every_block_goes_with_every_interaction_in_both_forms(
    block: str, interaction: str, small: Architecture, trained: Train
) -> None:
    network = lpsnet.build(small, 5, block, interaction).eval()
    trained(network)
    image = torch.randn(2, 3, 64, 96)
    deployed = lpsnet.to_deploy(network)
    scores = network(image)
    assert scores.shape == (2, 5, 3, 5)
    assert not has_bn(deployed)
    torch.testing.assert_close(deployed(image), scores, rtol=1e-4, atol=1e-4)


def test_deploying_leaves_the_network_as_it_is(small: Architecture) -> None:
    network = lpsnet.build(small)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    lpsnet.to_deploy(network)
    assert network.training
    assert network.form == "reparameterised"
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_the_deploy_form_is_the_same_whichever_form_was_trained(small: Architecture) -> None:
    shapes = [
        {name: tensor.shape for name, tensor in network.state_dict().items()}
        for network in (
            lpsnet.build(small, deploy=True),
            lpsnet.to_deploy(lpsnet.build(small, reparameterised=True)),
            lpsnet.to_deploy(lpsnet.build(small, reparameterised=False)),
            lpsnet.to_deploy(lpsnet.build(small, deploy=True)),
        )
    ]
    assert all(other == shapes[0] for other in shapes)


def test_the_deploy_form_is_for_inference(small: Architecture) -> None:
    network = lpsnet.build(small, deploy=True)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert len(convolutions(network)) == 2 * sum(small.depth) + 1


class DoesMoreThanItsChain(nn.Sequential):
    """A block whose convolution feeds more than its BN."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        convolved: torch.Tensor = self[0](features)
        normalised: torch.Tensor = self[1](convolved)
        return convolved + normalised


def test_a_sequence_with_a_forward_of_its_own_is_not_folded(trained: Train) -> None:
    block = DoesMoreThanItsChain(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)).eval()
    trained(block)
    features = torch.randn(1, 4, 5, 5)
    before = block(features)
    torch.testing.assert_close(folded(block)(features), before)


def test_a_bn_that_follows_no_convolution_stays(trained: Train) -> None:
    chain = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    chain.eval()
    trained(chain)
    features = torch.randn(1, 4, 5, 5)
    before = chain(features)
    after = folded(chain)
    assert [type(layer) for layer in after.children()] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d, nn.Conv2d]
    torch.testing.assert_close(after(features), before)
