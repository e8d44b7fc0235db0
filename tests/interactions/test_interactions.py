from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, relu

import interactions
from interactions.interaction import Interaction
from interactions.registry import INTERACTIONS
from microbench.errors import InputError

C = 4
SIZES = ((13, 21), (7, 11), (3, 5))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def random_maps(paths: int, batch: int = 2) -> list[Tensor]:
    return [torch.randn(batch, C, *size) for size in SIZES[:paths]]


def bilinear(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    return interpolate(maps, size=size, mode="bilinear", align_corners=True)


def new(name: str, paths: int = 2, **options: Any) -> nn.Module:
    return interactions.make(name, C, paths=paths, **options).eval()


def conv_bn_relu(features: Tensor, weight: Tensor) -> Tensor:
    """F of an interaction with a fresh BN, whose mean is 0 and variance 1."""
    return relu(conv2d(features, weight, padding=weight.shape[-1] // 2) / (1 + 1e-5) ** 0.5)


def weights(module: nn.Module) -> Iterator[Tensor]:
    """The kernels of all convolutions, in the order in which the class builds them."""
    return (tensor for tensor in module.state_dict().values() if tensor.dim() == 4)


def test_the_names_are_those_of_table_3_in_its_order() -> None:
    assert interactions.NAMES == (
        "none",
        "direct_a",
        "direct_b",
        "attention_a",
        "attention_b",
        "bilateral_a",
        "bilateral_b",
    )


@pytest.mark.parametrize("paths", [1, 2, 3, 4])
@pytest.mark.parametrize("name", interactions.NAMES)
def test_every_interaction_keeps_the_shape_of_every_path(name: str, paths: int) -> None:
    maps = [*random_maps(paths), torch.randn(2, C, 2, 2)][:paths]
    exchanged = new(name, paths)(maps)
    assert [features.shape for features in exchanged] == [features.shape for features in maps]


@pytest.mark.parametrize("name", interactions.NAMES)
def test_one_path_is_left_as_it_is_and_needs_no_parameters(name: str) -> None:
    interaction = new(name, paths=1)
    (features,) = random_maps(1)
    assert interaction([features])[0] is features
    assert list(interaction.parameters()) == []


@pytest.mark.parametrize("paths", [2, 3])
@pytest.mark.parametrize("name", interactions.NAMES)
def test_every_parameter_takes_part_in_the_outcome(name: str, paths: int) -> None:
    interaction = new(name, paths)
    # Low enough that no ReLU is dead.
    for module in interaction.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.bias, 1.0)
    outcome = torch.cat([features.flatten() for features in interaction(random_maps(paths))])
    parameters = list(interaction.parameters())
    # Of the interactions without parameters the outcome has no gradient.
    gradients = torch.autograd.grad(outcome.square().sum(), parameters) if parameters else ()
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


F3, F1, ATT = 9 * C * C + 2 * C, C * C + 2 * C, 9 * C * C + 2 * C + C


@pytest.mark.parametrize(
    ("name", "two_paths", "three_paths"),
    [
        ("none", 0, 0),
        ("direct_a", F3 + F1, 2 * (F3 + F1)),
        ("direct_b", 18 * C * C + 2 * C, 2 * (18 * C * C + 2 * C)),
        ("attention_a", ATT + 2 * F3, 2 * (ATT + 2 * F3)),
        ("attention_b", 2 * (ATT + F3), 3 * (ATT + F3)),
        ("bilateral_a", 2 * F3, 6 * F3),
        ("bilateral_b", 0, 0),
    ],
)
def test_parameters_are_those_of_the_written_definition(name: str, two_paths: int, three_paths: int) -> None:
    assert [sum(p.numel() for p in new(name, paths).parameters()) for paths in (2, 3)] == [two_paths, three_paths]


def test_none_passes_the_maps_on() -> None:
    maps = random_maps(2)
    assert all(after is before for after, before in zip(new("none")(maps), maps, strict=True))


def test_bilateral_b_is_equation_2() -> None:
    high, low = random_maps(2)
    new_high, new_low = new("bilateral_b")([high, low])
    torch.testing.assert_close(new_high, high + bilinear(low, SIZES[0]))
    torch.testing.assert_close(new_low, low + bilinear(high, SIZES[1]))


def test_bilateral_b_gives_each_of_three_paths_the_sum_of_the_other_two() -> None:
    maps = random_maps(3)
    exchanged = new("bilateral_b", paths=3)(maps)
    for path, size in enumerate(SIZES):
        # Each path's own map is resized to its own size, which leaves it as it is.
        torch.testing.assert_close(exchanged[path], sum(bilinear(features, size) for features in maps))


def test_bilateral_a_adds_transformed_maps_in_both_directions() -> None:
    interaction = new("bilateral_a")
    high, low = random_maps(2)
    down, up = weights(interaction)
    new_high, new_low = interaction([high, low])
    torch.testing.assert_close(new_high, high + bilinear(conv_bn_relu(low, up), SIZES[0]))
    torch.testing.assert_close(new_low, low + bilinear(conv_bn_relu(high, down), SIZES[1]))


def test_attention_a_is_equation_1() -> None:
    interaction = new("attention_a")
    high, low = random_maps(2)
    attention_hidden, attention_out, f_low, f_high = weights(interaction)
    a = conv2d(conv_bn_relu(low, attention_hidden), attention_out).sigmoid()
    weighted = conv_bn_relu(low, f_low) * a
    new_high, new_low = interaction([high, low])
    assert a.shape[1] == 1
    torch.testing.assert_close(
        new_high, bilinear(weighted, SIZES[0]) + conv_bn_relu(high, f_high) * bilinear(1 - a, SIZES[0])
    )
    torch.testing.assert_close(new_low, weighted)


def test_attention_b_gates_each_path_by_the_attention_of_the_other() -> None:
    interaction = new("attention_b")
    high, low = random_maps(2)
    hidden_high, out_high, hidden_low, out_low, f_high, f_low = weights(interaction)
    attention_high = conv2d(conv_bn_relu(high, hidden_high), out_high).sigmoid()
    attention_low = conv2d(conv_bn_relu(low, hidden_low), out_low).sigmoid()
    new_high, new_low = interaction([high, low])
    torch.testing.assert_close(new_high, conv_bn_relu(high, f_high) * bilinear(attention_low, SIZES[0]))
    torch.testing.assert_close(new_low, conv_bn_relu(low, f_low) * bilinear(attention_high, SIZES[1]))


def test_attention_b_gates_each_of_three_paths_by_the_mean_of_the_others() -> None:
    interaction = new("attention_b", paths=3)
    maps = random_maps(3)
    *attentions, _f_1, f_2, _f_3 = weights(interaction)
    gates = [
        conv2d(conv_bn_relu(features, hidden), out).sigmoid()
        for features, hidden, out in zip(maps, attentions[::2], attentions[1::2], strict=True)
    ]
    middle = conv_bn_relu(maps[1], f_2) * (bilinear(gates[0], SIZES[1]) + bilinear(gates[2], SIZES[1])) / 2
    torch.testing.assert_close(interaction(maps)[1], middle)


def test_direct_a_adds_the_low_path_to_the_high_one_alone() -> None:
    interaction = new("direct_a")
    high, low = random_maps(2)
    f_low, f_high = weights(interaction)
    assert (f_low.shape[-1], f_high.shape[-1]) == (3, 1)
    new_high, new_low = interaction([high, low])
    torch.testing.assert_close(new_high, bilinear(conv_bn_relu(low, f_low), SIZES[0]) + conv_bn_relu(high, f_high))
    assert new_low is low


def test_direct_b_convolves_the_concatenation_back_to_the_width() -> None:
    interaction = new("direct_b")
    high, low = random_maps(2)
    (merge,) = weights(interaction)
    new_high, new_low = interaction([high, low])
    torch.testing.assert_close(new_high, conv_bn_relu(torch.cat([high, bilinear(low, SIZES[0])], dim=1), merge))
    assert new_low is low


def test_a_cascade_of_three_paths_starts_at_the_lowest() -> None:
    interaction = new("direct_a", paths=3)
    high, middle, low = random_maps(3)
    upper_low, upper_high, lower_low, lower_high = weights(interaction)
    new_middle = bilinear(conv_bn_relu(low, lower_low), SIZES[1]) + conv_bn_relu(middle, lower_high)
    new_high = bilinear(conv_bn_relu(new_middle, upper_low), SIZES[0]) + conv_bn_relu(high, upper_high)
    for found, expected in zip(interaction([high, middle, low]), [new_high, new_middle, low], strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["direct_a", "direct_b", "attention_a", "attention_b", "bilateral_a"])
def test_the_kernel_of_f_is_an_option(name: str) -> None:
    largest = {k: max(w.shape[-1] for w in weights(new(name, kernel_size=k))) for k in (3, 5)}
    assert largest == {3: 3, 5: 5}


@pytest.mark.parametrize("resized_to", [(9, 16), (3, 3), (1, 1)])
@pytest.mark.parametrize("source", [(5, 7), (16, 9)])
def test_a_resize_interpolates_linearly_between_aligned_corners(
    source: tuple[int, int], resized_to: tuple[int, int]
) -> None:
    plane = np.random.default_rng(0).normal(size=source)
    rows, columns = (np.linspace(0, old - 1, new) for old, new in zip(source, resized_to, strict=True))
    by_row = np.stack([np.interp(rows, np.arange(source[0]), column) for column in plane.T], axis=1)
    expected = np.stack([np.interp(columns, np.arange(source[1]), row) for row in by_row])
    resized = interactions.resize(torch.from_numpy(plane)[None, None], resized_to)
    np.testing.assert_allclose(resized[0, 0].numpy(), expected)


def test_a_resize_to_the_same_size_is_skipped() -> None:
    maps = torch.randn(1, 2, 3, 4)
    assert interactions.resize(maps, (3, 4)) is maps


def test_a_new_interaction_appears_among_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INTERACTIONS, "_makers", dict(INTERACTIONS._makers))

    @INTERACTIONS.register("negate")
    class Negate(Interaction):
        def __init__(self, channels: int, *, paths: int = 2) -> None:
            super().__init__(channels, paths)

        def exchange(self, maps: list[Tensor]) -> list[Tensor]:
            return [-features for features in maps]

    assert interactions.NAMES[-1] == "negate"
    features = torch.ones(1, C, 2, 2)
    assert torch.equal(interactions.make("negate", C)([features, features])[1], -features)


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("bilateral_c", 8), {}, r"interaction 'bilateral_c' is unknown; allowed: .*bilateral_b"),
        (("none", 0), {}, "channels must be an integer of at least 1, not 0"),
        (("bilateral_b", 8), {"paths": 0}, "paths must be an integer of at least 1, not 0"),
        (("bilateral_b", 8), {"kernel_size": 3}, "option of interaction 'bilateral_b' 'kernel_size' is unknown"),
        (("direct_a", 8), {"kernel_size": 2}, "kernel_size must be an odd integer of at least 1, not 2"),
        (("direct_a", 8), {"high_kernel_size": 0}, "kernel_size must be an odd integer of at least 1, not 0"),
        (("attention_b", 8), {"kernel_size": "3"}, "kernel_size must be an odd integer of at least 1, not '3'"),
        (("attention_b", 8), {"paths": 1, "kernel": 3}, "option of interaction 'attention_b' 'kernel' is unknown"),
    ],
)
def test_an_interaction_that_cannot_be_is_refused(
    arguments: tuple[str, int], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        interactions.make(*arguments, **options)


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        (random_maps(3), "one map for each of the 2 paths, not 3"),
        ([torch.ones(1, 1, 8, 8), torch.ones(1, 1, 4, 4)], r"must have the shape \(N, 4, H, W\)"),
        (random_maps(2)[::-1], "ordered from the highest resolution to the lowest"),
    ],
)
@pytest.mark.parametrize("name", interactions.NAMES)
def test_maps_that_do_not_fit_are_refused(name: str, maps: list[Tensor], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        new(name)(maps)
