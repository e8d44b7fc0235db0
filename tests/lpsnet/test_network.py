from typing import Any

import pytest
import torch

import lpsnet
from lpsnet import Architecture, MultiPathNetwork
from microbench.errors import InputError


@pytest.mark.parametrize(
    ("size", "scores"), [((360, 480), (23, 30)), ((713, 1001), (45, 63)), ((64, 64), (4, 4)), ((4, 5), (1, 1))]
)
@pytest.mark.parametrize("resolution", [(1,), (1, 1 / 4), (1, 1 / 2, 1 / 4)])
def test_any_image_size_gives_scores_at_a_sixteenth_of_the_highest_path(
    size: tuple[int, int], scores: tuple[int, int], resolution: tuple[float, ...]
) -> None:
    network = lpsnet.build(Architecture((1,) * 5, (4,) * 5, resolution), deploy=True)
    assert network(torch.randn(2, 3, *size)).shape == (2, 19, *scores)


def test_a_path_may_see_more_than_the_image() -> None:
    network = lpsnet.build(Architecture((1,) * 5, (4,) * 5, (9 / 8, 1 / 4)), deploy=True)
    # int(713 * 9/8) = 802 and int(1001 * 9/8) = 1126.
    assert network(torch.randn(1, 3, 713, 1001)).shape[-2:] == (51, 71)


@pytest.mark.parametrize("num_classes", [1, 11, 19])
def test_the_head_has_as_many_scores_as_classes(num_classes: int, small: Architecture) -> None:
    assert lpsnet.build(small, num_classes)(torch.randn(2, 3, 64, 64)).shape[1] == num_classes


def test_images_of_a_batch_do_not_see_each_other(small: Architecture) -> None:
    network = lpsnet.build(small, deploy=True)
    images = torch.randn(3, 3, 64, 96)
    torch.testing.assert_close(network(images), torch.cat([network(image[None]) for image in images]))


def test_every_path_has_weights_of_its_own(small: Architecture) -> None:
    network = lpsnet.build(small, interaction="none", reparameterised=False)
    pointers = [p.data_ptr() for p in network.parameters()]
    assert len(set(pointers)) == len(pointers)
    one_path = lpsnet.build(Architecture(small.depth, small.width, (1,)), interaction="none", reparameterised=False)
    in_paths = [sum(p.numel() for p in n.stages.parameters()) for n in (network, one_path)]
    assert in_paths[0] == 2 * in_paths[1]


def interacting_stages(network: MultiPathNetwork) -> list[int]:
    """The stages whose interaction has parameters."""
    return [
        number
        for number, stage in enumerate(network.stages, start=1)
        if any(name.startswith("interaction.") for name, _ in stage.named_parameters())
    ]


def test_paths_interact_after_stages_3_and_4(small: Architecture) -> None:
    assert interacting_stages(lpsnet.build(small, interaction="bilateral_a")) == [3, 4]


def test_stage_5_can_interact_too(small: Architecture) -> None:
    network = lpsnet.build(small, interaction="bilateral_a", interaction_stages=(3, 4, 5))
    assert interacting_stages(network) == [3, 4, 5]


def test_without_an_interaction_the_paths_only_meet_in_the_head(small: Architecture) -> None:
    network = lpsnet.build(small, interaction="none", deploy=True)
    network.head.weight.data[:, small.width[-1] :] = 0
    image = torch.randn(1, 3, 64, 96)
    before = network(image)
    for stage in network.stages:
        for p in stage.get_submodule("paths.1").parameters():
            p.data += 1
    torch.testing.assert_close(network(image), before)


def test_options_reach_the_block_and_the_interaction(small: Architecture) -> None:
    network = lpsnet.build(
        small,
        block="inverted_residual",
        interaction="bilateral_a",
        block_options={"expansion": 1},
        interaction_options={"kernel_size": 5},
    )
    assert "stages.2.interaction.transformations.from_0_to_1.0.weight" in network.state_dict()
    assert network.state_dict()["stages.2.interaction.transformations.from_0_to_1.0.weight"].shape[-1] == 5
    widest = max(t.shape[1] for t in network.stages.state_dict().values() if t.dim() == 4)
    assert widest == max(small.width)


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("lpsnet-xs",), {}, "network 'lpsnet-xs' is unknown; allowed: lpsnet-s, "),
        (("lpsnet-s", 0), {}, "num_classes must be an integer from 1 to 255, not 0"),
        (("lpsnet-s", 256), {}, "num_classes must be an integer from 1 to 255, not 256"),
        (("lpsnet-s", 19.0), {}, "num_classes must be an integer from 1 to 255, not 19.0"),
        (("lpsnet-s", 19, "conv5x5"), {}, "block 'conv5x5' is unknown; allowed: .*conv3x3"),
        (("lpsnet-s", 19, "conv3x3", "bilateral"), {}, "interaction 'bilateral' is unknown; allowed: .*bilateral_b"),
        (("lpsnet-s",), {"interaction_stages": (3, 6)}, r"interaction_stages must be .* 1 to 5, not \(3, 6\)"),
        (("lpsnet-s",), {"interaction_stages": ("3", 4)}, r"interaction_stages must be different stages"),
        (("lpsnet-s",), {"interaction_stages": (3, 3)}, r"interaction_stages must be different stages"),
        (("lpsnet-s",), {"block_options": {"groups": 2}}, "option of block 'conv3x3' 'groups' is unknown"),
        (("lpsnet-s",), {"interaction_options": {"groups": 2}}, "option of interaction 'bilateral_b' 'groups'"),
    ],
)
def test_a_network_that_cannot_be_is_refused(
    arguments: tuple[Any, ...], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        lpsnet.build(*arguments, **options)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((3, 64, 64), r"image must have the shape \(N, 3, H, W\), not \(3, 64, 64\)"),
        ((1, 1, 64, 64), r"image must have the shape \(N, 3, H, W\), not \(1, 1, 64, 64\)"),
        ((1, 3, 3, 64), "image must be at least 4 pixels high and wide for a path at 1/4 of its size, not 3x64"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(shape: tuple[int, ...], sentence: str, small: Architecture) -> None:
    with pytest.raises(InputError, match=sentence):
        lpsnet.build(small)(torch.zeros(shape))


@pytest.mark.heavy
def test_torch_export_takes_any_size(small: Architecture) -> None:
    network = lpsnet.build(small, deploy=True)
    auto = torch.export.Dim.AUTO
    program = torch.export.export(
        network, (torch.randn(2, 3, 160, 224),), dynamic_shapes={"image": {0: auto, 2: auto, 3: auto}}
    )
    image = torch.randn(3, 3, 125, 200)
    torch.testing.assert_close(program.module()(image), network(image))


@pytest.mark.heavy
def test_torch_compile_takes_the_whole_network_as_one_graph(small: Architecture) -> None:
    network = lpsnet.build(small, deploy=True)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    for shape in ((1, 3, 64, 96), (2, 3, 125, 200)):
        image = torch.randn(shape)
        torch.testing.assert_close(compiled(image), network(image))
