"""Peers against pytorchcv's networks of the same papers, written by others: same weights, same scores.

pytorchcv is no dependency: `pip install --no-deps pytorchcv` brings it, without torchvision.
"""

import importlib
from collections import defaultdict

import pytest
import torch
from torch import Tensor, nn

import lpsnet

pytest.importorskip("pytorchcv.models.icnet", reason="pip install --no-deps pytorchcv")

SIZE = (128, 256)
LAYERS = (nn.Conv2d, nn.BatchNorm2d, nn.PReLU)


def oracle(module: str, function: str, **options: object) -> nn.Module:
    made = getattr(importlib.import_module(f"pytorchcv.models.{module}"), function)(in_size=SIZE, **options)
    assert isinstance(made, nn.Module)
    return made.eval()


def executed(network: nn.Module, image: Tensor) -> tuple[list[nn.Module], Tensor]:
    """The layers with weights in the order in which they run, and the scores, which the last convolution yields."""
    order: list[nn.Module] = []
    outputs: list[Tensor] = []

    def note(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        order.append(layer)
        if isinstance(layer, nn.Conv2d):
            outputs.append(output)

    handles = [layer.register_forward_hook(note) for layer in network.modules() if isinstance(layer, LAYERS)]
    with torch.inference_mode():
        network(image)
    for handle in handles:
        handle.remove()
    return order, outputs[-1]


def by_shape(layers: list[nn.Module]) -> dict[tuple[object, ...], list[nn.Module]]:
    """The layers of each shape, other layers with the convolution that runs before them.

    Branches may be run in another order, but not layers of one shape.
    """
    groups: dict[tuple[object, ...], list[nn.Module]] = defaultdict(list)
    last: tuple[object, ...] = ()
    for layer in layers:
        key: tuple[object, ...]
        if isinstance(layer, nn.Conv2d):
            last = (layer.weight.shape, layer.dilation, layer.stride, layer.bias is None)
            key = last
        else:
            key = (type(layer), layer.weight.shape, *last)
        groups[key].append(layer)
    return groups


@pytest.mark.parametrize(
    ("name", "module", "function", "options"),
    [
        ("fast-scnn", "fastscnn", "fastscnn_cityscapes", {"aux": False}),
        ("dabnet", "dabnet", "dabnet_cityscapes", {}),
        ("icnet", "icnet", "icnet_resnetd50b_cityscapes", {"aux": False}),
    ],
)
def test_scores_are_those_of_pytorchcv_with_the_same_weights(
    name: str, module: str, function: str, options: dict[str, object]
) -> None:
    torch.manual_seed(0)
    theirs, ours = oracle(module, function, **options), lpsnet.build(name).eval()
    for layer in theirs.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    image = torch.randn(1, 3, *SIZE)
    order, expected = executed(theirs, image)
    sources = by_shape(order)
    for key, targets in by_shape(executed(ours, image)[0]).items():
        # Theirs may run auxiliary classifiers too, before the one that counts.
        for target, source in zip(targets, sources[key][-len(targets) :], strict=True):
            target.load_state_dict(source.state_dict())
    with torch.inference_mode():
        found = ours(image)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
