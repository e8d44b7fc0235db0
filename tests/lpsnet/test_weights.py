import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, interpolate, relu

import lpsnet
from lpsnet import Architecture
from microbench.errors import InputError

Train = Callable[[nn.Module], None]

# The names that the authors' release gives to the paths of networks with one, two and three of them.
PUBLISHED_PATHS = {1: ["net"], 2: ["netH", "netL"], 3: ["net1", "net2", "net3"]}
SMALL_AT_FULL_SIZE = Architecture((1, 2, 2, 2, 2), (4, 6, 8, 8, 8), (1, 1 / 4))
THREE_PATHS = Architecture((1, 2, 1, 2, 1), (4, 6, 8, 8, 8), (1, 1 / 2, 1 / 4))


def with_paths(paths: int) -> Architecture:
    return Architecture(THREE_PATHS.depth, THREE_PATHS.width, THREE_PATHS.resolution[:paths])


def published_state(architecture: Architecture, with_bn: bool, num_classes: int = 5) -> dict[str, Tensor]:
    """Random weights under the names of the authors' release."""
    state: dict[str, Tensor] = {}
    paths = PUBLISHED_PATHS[len(architecture.ratios)]
    for path in paths:
        before = 3
        for stage, (depth, width) in enumerate(zip(architecture.depth, architecture.width, strict=True)):
            for block in range(depth):
                name = f"{path}.stages.{stage}.{block}"
                state[f"{name}.0.weight"] = torch.randn(width, before, 3, 3) / (3 * before**0.5)
                if with_bn:
                    state[f"{name}.1.weight"] = torch.rand(width) + 0.5
                    state[f"{name}.1.bias"] = torch.randn(width) / 4
                    state[f"{name}.1.running_mean"] = torch.randn(width) / 4
                    state[f"{name}.1.running_var"] = torch.rand(width) + 0.5
                    state[f"{name}.1.num_batches_tracked"] = torch.tensor(90_000)
                else:
                    state[f"{name}.0.bias"] = torch.randn(width) / 4
                before = width
    state["head.weight"] = torch.randn(num_classes, architecture.width[-1] * len(paths), 1, 1)
    state["head.bias"] = torch.randn(num_classes)
    return state


def bilinear(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    return interpolate(maps, size=size, mode="bilinear", align_corners=True)


def published_scores(state: dict[str, Tensor], architecture: Architecture, image: Tensor) -> Tensor:
    """The network written out by hand: Bilateral-B after stages 3 and 4, and the head on all paths at path 1's size."""
    names = PUBLISHED_PATHS[len(architecture.ratios)]
    height, width = image.shape[-2:]
    maps = [bilinear(image, (int(height * r), int(width * r))) for r in architecture.ratios]
    for stage, depth in enumerate(architecture.depth):
        for path, name in enumerate(names):
            for block in range(depth):
                key = f"{name}.stages.{stage}.{block}"
                stride = 2 if block == 0 and stage < 4 else 1
                maps[path] = conv2d(maps[path], state[f"{key}.0.weight"], state.get(f"{key}.0.bias"), stride, 1)
                if f"{key}.1.weight" in state:
                    mean, variance = state[f"{key}.1.running_mean"], state[f"{key}.1.running_var"]
                    maps[path] = batch_norm(
                        maps[path], mean, variance, state[f"{key}.1.weight"], state[f"{key}.1.bias"]
                    )
                maps[path] = relu(maps[path])
        if stage + 1 in (3, 4):
            sizes = [tuple(features.shape[-2:]) for features in maps]
            maps = [torch.stack([bilinear(features, size) for features in maps]).sum(0) for size in sizes]
    size = tuple(maps[0].shape[-2:])
    together = torch.cat([bilinear(features, size) for features in maps], dim=1)
    return conv2d(together, state["head.weight"], state["head.bias"])


def assert_equal_scores(network: nn.Module, expected: nn.Module) -> None:
    image = torch.randn(2, 3, 64, 96)
    torch.testing.assert_close(network.eval()(image), expected.eval()(image), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("paths", [1, 2, 3])
@pytest.mark.parametrize(("with_bn", "deploy"), [(False, True), (True, True), (True, False)])
def test_published_weights_give_the_scores_of_the_published_network(
    paths: int, with_bn: bool, deploy: bool, tmp_path: Path
) -> None:
    architecture = with_paths(paths)
    state = published_state(architecture, with_bn)
    torch.save(state, tmp_path / "released.pth")
    network = lpsnet.build(architecture, 5, deploy=deploy, reparameterised=False).eval()
    lpsnet.load_weights(network, tmp_path / "released.pth")
    image = torch.randn(2, 3, 61, 97)
    expected = published_scores(state, architecture, image)
    torch.testing.assert_close(network(image), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "form", [{"deploy": True}, {"reparameterised": False}, {"reparameterised": True}], ids=["deploy", "plain", "rep"]
)
@pytest.mark.parametrize("block", ["conv3x3", "shufflenet"])
def test_saved_weights_load_again(
    form: dict[str, Any], block: str, small: Architecture, trained: Train, tmp_path: Path
) -> None:
    network, fresh = (lpsnet.build(small, 5, block, "attention_a", **form) for _ in range(2))
    trained(network)
    lpsnet.save_weights(network, tmp_path / "weights.safetensors")
    lpsnet.load_weights(fresh, tmp_path / "weights.safetensors")
    torch.testing.assert_close(dict(fresh.state_dict()), dict(network.state_dict()), rtol=0, atol=0)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


@pytest.mark.parametrize("reparameterised", [False, True])
def test_trained_weights_load_into_the_deploy_form(
    reparameterised: bool, small: Architecture, trained: Train, tmp_path: Path
) -> None:
    network = lpsnet.build(small, 5, reparameterised=reparameterised)
    trained(network)
    lpsnet.save_weights(network, tmp_path / "weights.safetensors")
    deployed = lpsnet.build(small, 5, deploy=True)
    lpsnet.load_weights(deployed, tmp_path / "weights.safetensors")
    assert_equal_scores(deployed, network)


def test_our_names_are_read_from_pytorch_files_too(small: Architecture, tmp_path: Path) -> None:
    network, fresh = lpsnet.build(small), lpsnet.build(small)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    lpsnet.load_weights(fresh, str(tmp_path / "weights.pt"))
    assert_equal_scores(fresh, network)


def test_a_file_without_a_description_is_judged_by_its_tensors(small: Architecture, tmp_path: Path) -> None:
    network, fresh = lpsnet.build(small), lpsnet.build(small)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    lpsnet.load_weights(fresh, tmp_path / "weights.safetensors")
    assert_equal_scores(fresh, network)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"num_classes": 11}, "num_classes is 11 there and 5 here"),
        ({"network": with_paths(1)}, r"depth is \[1, 2, 1, 2, 1\] there and \[1, 2, 2, 2, 2\] here"),
        ({"network": SMALL_AT_FULL_SIZE}, r"resolution is \['1', '1/4'\] there and \['3/4', '1/4'\] here"),
        ({"interaction": "none"}, "interaction is 'none' there and 'bilateral_b' here"),
        ({"interaction_stages": (3, 4, 5)}, r"interaction_stages is \[3, 4, 5\] there and \[3, 4\] here"),
        ({"block": "residual"}, "block is 'residual' there and 'conv3x3' here"),
    ],
)
def test_weights_of_another_network_are_refused(
    other: dict[str, Any], sentence: str, small: Architecture, tmp_path: Path
) -> None:
    ours: dict[str, Any] = {"network": small, "num_classes": 5}
    weights = tmp_path / "other.safetensors"
    lpsnet.save_weights(lpsnet.build(**(ours | other)), weights)
    with pytest.raises(InputError, match=rf"other.safetensors' are of another network: {sentence}\."):
        lpsnet.load_weights(lpsnet.build(**ours), weights)


def test_published_weights_of_another_class_count_are_refused(tmp_path: Path) -> None:
    torch.save(published_state(with_paths(2), with_bn=False, num_classes=11), tmp_path / "released.pth")
    network = lpsnet.build(with_paths(2), 5, deploy=True)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    sentence = r"released.pth' do not fit this network: head.weight must have the shape \(5, 16, 1, 1\), not \(11, "
    with pytest.raises(InputError, match=sentence):
        lpsnet.load_weights(network, tmp_path / "released.pth")
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_published_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    torch.save(published_state(with_paths(3), with_bn=True), tmp_path / "released.pth")
    with pytest.raises(InputError, match=r"stages.0.paths.2.0.0.weight is not part of it \(and \d+ more\)"):
        lpsnet.load_weights(lpsnet.build(with_paths(2), 5, deploy=True), tmp_path / "released.pth")


def test_deploy_weights_do_not_load_into_a_train_form(tmp_path: Path) -> None:
    torch.save(published_state(with_paths(2), with_bn=False), tmp_path / "released.pth")
    with pytest.raises(InputError, match=r"have the deploy form, .* reparameterised form: build it with deploy=True"):
        lpsnet.load_weights(lpsnet.build(with_paths(2), 5), tmp_path / "released.pth")


class RunsCode:
    """A pickle that runs code when it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


def test_code_in_a_weights_file_is_refused_and_does_not_run(small: Architecture, tmp_path: Path) -> None:
    torch.save({"head.weight": RunsCode(tmp_path / "witness")}, tmp_path / "hostile.pth")
    with pytest.raises(InputError, match=r"hostile\.pth' cannot be read"):
        lpsnet.load_weights(lpsnet.build(small), tmp_path / "hostile.pth")
    assert not (tmp_path / "witness").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_damaged_file_is_refused(name: str, small: Architecture, tmp_path: Path) -> None:
    network = lpsnet.build(small)
    whole = tmp_path / name
    if name.endswith(".pth"):
        torch.save(network.state_dict(), whole)
    else:
        lpsnet.save_weights(network, whole)
    content = whole.read_bytes()
    for damaged in (b"", b"not weights", content[: len(content) // 2]):
        whole.write_bytes(damaged)
        with pytest.raises(InputError, match=f"{name}' cannot be read: they must be a safetensors file named so"):
            lpsnet.load_weights(network, whole)


def test_a_file_of_something_else_is_refused(small: Architecture, tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(InputError, match=r"list\.pth' must hold a state_dict: tensors by name"):
        lpsnet.load_weights(lpsnet.build(small), tmp_path / "list.pth")


def test_a_missing_file_is_refused(small: Architecture, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.safetensors' are not a file"):
        lpsnet.load_weights(lpsnet.build(small), tmp_path / "nowhere.safetensors")


def test_weights_that_cannot_be_written_are_told(small: Architecture, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        lpsnet.save_weights(lpsnet.build(small), tmp_path / "nowhere" / "weights.safetensors")


def test_the_file_describes_its_network(tmp_path: Path) -> None:
    lpsnet.save_weights(lpsnet.build("lpsnet-step-0"), tmp_path / "weights.safetensors")
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        assert '"resolution": ["1/2"]' in file.metadata()["lpsnet"]


@pytest.mark.parametrize(
    "form", [{"deploy": True}, {"reparameterised": False}, {"reparameterised": True}], ids=["deploy", "plain", "rep"]
)
@pytest.mark.parametrize("half", [False, True])
def test_a_network_is_built_from_its_file_alone(
    form: dict[str, Any], half: bool, small: Architecture, trained: Train, tmp_path: Path
) -> None:
    expansion = {"expansion": 3}
    network = lpsnet.build(
        small, 5, "inverted_residual", "attention_a", **form, block_options=expansion, interaction_stages=(2, 4)
    )
    trained(network)
    lpsnet.save_weights(network, tmp_path / "weights.safetensors", half=half)
    loaded = lpsnet.load_network(tmp_path / "weights.safetensors")
    # This block has the same layers with and without RepVGG's branches, so that a file cannot tell the two apart.
    assert (loaded.form == "deploy") == (network.form == "deploy")
    design = lpsnet.design_of(loaded)
    assert isinstance(design, lpsnet.NetworkDesign)
    assert design.architecture.ratios == small.ratios
    assert design.block_options == expansion
    assert design.interaction_stages == (2, 4)
    assert not loaded.training
    tolerance = 2e-3 if half else 0
    torch.testing.assert_close(dict(loaded.state_dict()), dict(network.state_dict()), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "form", [{"deploy": True}, {"reparameterised": False}, {"reparameterised": True}], ids=["deploy", "plain", "rep"]
)
def test_the_network_has_the_form_that_its_file_holds(
    form: dict[str, Any], small: Architecture, tmp_path: Path
) -> None:
    network = lpsnet.build(small, 5, **form)
    lpsnet.save_weights(network, tmp_path / "weights.safetensors")
    assert lpsnet.load_network(tmp_path / "weights.safetensors").form == network.form


def test_half_precision_halves_the_file_and_is_widened_on_loading(tmp_path: Path) -> None:
    network = lpsnet.build(Architecture((1,) * 5, (64,) * 5, (1,)), 5, deploy=True)
    for half in (False, True):
        lpsnet.save_weights(network, tmp_path / f"{half}.safetensors", half=half)
    full_bytes, half_bytes = ((tmp_path / f"{half}.safetensors").stat().st_size for half in (False, True))
    assert half_bytes < 0.52 * full_bytes
    loaded = lpsnet.load_network(tmp_path / "True.safetensors")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert next(network.parameters()).dtype == torch.float32
    lpsnet.load_weights(network, tmp_path / "True.safetensors")
    assert_equal_scores(network, loaded)


def test_weights_beyond_half_precision_are_refused(small: Architecture, tmp_path: Path) -> None:
    network = lpsnet.build(small, 5, deploy=True)
    next(network.parameters()).data.fill_(1e5)
    with pytest.raises(InputError, match=r"half must be False .* beyond float16's range"):
        lpsnet.save_weights(network, tmp_path / "weights.safetensors", half=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "metadata",
    [None, {"lpsnet": "{}"}, {"lpsnet": '{"depth": 3}'}, {"other": "x"}],
)
def test_a_file_that_does_not_describe_its_network_is_refused(
    metadata: dict[str, str] | None, small: Architecture, tmp_path: Path
) -> None:
    save_file(dict(lpsnet.build(small, 5).state_dict()), tmp_path / "weights.safetensors", metadata)
    with pytest.raises(InputError, match="do not say what network they are of"):
        lpsnet.load_network(tmp_path / "weights.safetensors")


def test_a_file_whose_weights_are_not_those_it_describes_is_refused(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    lpsnet.save_weights(lpsnet.build(small, 5, deploy=True), path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    description = json.loads(metadata["lpsnet"]) | {"num_classes": 6}
    state = dict(lpsnet.build(small, 5, deploy=True).state_dict())
    save_file(state, path, {"lpsnet": json.dumps(description)})
    with pytest.raises(InputError, match=r"head\.weight must have the shape \(6, 16, 1, 1\)"):
        lpsnet.load_network(path)


def test_no_network_is_built_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.safetensors' are not a file"):
        lpsnet.load_network(tmp_path / "missing.safetensors")
