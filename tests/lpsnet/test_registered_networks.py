"""A network of any kind, registered by its name, goes everywhere that LPS-Net goes."""

import io
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import lpsnet
from lpsnet.registry import NETWORKS
from microbench.errors import InputError


class Tiny(nn.Module):
    """Two convolutions with BN, which the deploy form has folded."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        conv = nn.Conv2d(3, 8, 3, stride=4, padding=1, bias=False)
        self.body = nn.Sequential(conv, nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(image))
        return scores


class TinyChain(nn.Sequential):
    """The same as one chain."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Conv2d(8, num_classes, 1))


@pytest.fixture(params=[Tiny, TinyChain])
def tiny(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(NETWORKS, "_makers", dict(NETWORKS._makers))
    NETWORKS.register("tiny")(request.param)
    return "tiny"


def trained_a_little(network: nn.Module) -> nn.Module:
    """With statistics unlike those of the start."""
    for _ in range(3):
        network.train()(torch.randn(4, 3, 32, 32) * 2 + 1)
    return network.eval()


def test_is_listed_after_lpsnets_own(tiny: str) -> None:
    assert lpsnet.NAMES[:3] == ("lpsnet-s", "lpsnet-m", "lpsnet-l")
    assert tiny in lpsnet.NAMES[3:]


def test_the_deploy_form_is_folded_and_has_the_same_scores(tiny: str) -> None:
    network = trained_a_little(lpsnet.build(tiny, num_classes=5))
    deployed = lpsnet.to_deploy(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in deployed.modules())
    image = torch.randn(2, 3, 40, 64)
    torch.testing.assert_close(deployed(image), network(image), rtol=1e-5, atol=1e-5)
    assert lpsnet.form_of(deployed) == "deploy"
    assert lpsnet.design_of(deployed) == lpsnet.RegisteredDesign(name=tiny, num_classes=5)


@pytest.mark.parametrize("deploy", [False, True])
def test_its_weights_say_which_network_they_are_of(tiny: str, deploy: bool, tmp_path: Path) -> None:
    network = trained_a_little(lpsnet.build(tiny, num_classes=5))
    network = lpsnet.to_deploy(network) if deploy else network
    lpsnet.save_weights(network, tmp_path / "weights.safetensors")
    loaded = lpsnet.load_network(tmp_path / "weights.safetensors")
    image = torch.randn(2, 3, 40, 64)
    torch.testing.assert_close(loaded(image), network(image))
    fresh = lpsnet.build(tiny, num_classes=5, deploy=True)
    lpsnet.load_weights(fresh, tmp_path / "weights.safetensors")
    torch.testing.assert_close(fresh(image), network(image), rtol=1e-5, atol=1e-5)


def test_weights_of_another_network_are_refused(tiny: str, tmp_path: Path) -> None:
    lpsnet.save_weights(lpsnet.build("lpsnet-step-0", 5), tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match="do not fit this network"):
        lpsnet.load_weights(lpsnet.build(tiny, 5), tmp_path / "weights.safetensors")


def test_is_exported_to_onnx(tiny: str) -> None:
    network = lpsnet.build(tiny, num_classes=5, deploy=True)
    exported = io.BytesIO()
    lpsnet.export_onnx(network, exported, (32, 48))
    image = np.random.default_rng(0).standard_normal((1, 3, 32, 48), dtype=np.float32)
    (scores,) = onnxruntime.InferenceSession(exported.getvalue()).run(None, {"image": image})
    np.testing.assert_allclose(scores, network(torch.from_numpy(image)).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("choice", "named"),
    [({"block": "ghost"}, "block"), ({"interaction": "none"}, "interaction"), ({"interaction_stages": (3,)}, "stages")],
)
def test_takes_no_block_and_no_interaction(tiny: str, choice: dict[str, str], named: str) -> None:
    with pytest.raises(InputError, match=rf"{named} cannot be chosen for network 'tiny'"):
        lpsnet.build(tiny, **choice)  # type: ignore[call-overload]


def test_bad_names_and_numbers_of_classes_are_refused(tiny: str) -> None:
    with pytest.raises(InputError, match=r"network 'huge' is unknown; allowed: lpsnet-s, .*tiny"):
        lpsnet.build("huge")
    with pytest.raises(InputError, match="num_classes must be an integer from 1 to 255, not 0"):
        lpsnet.build(tiny, num_classes=0)
    with pytest.raises(InputError, match=r"network 'lpsnet-s' is already registered by lpsnet\.registry:"):
        NETWORKS.register("lpsnet-s")(Tiny)


def test_a_network_from_elsewhere_has_no_design() -> None:
    with pytest.raises(InputError, match=r"built by lpsnet\.build, which Conv2d was not"):
        lpsnet.design_of(nn.Conv2d(3, 5, 1))
