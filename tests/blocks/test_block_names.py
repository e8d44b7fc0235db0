"""Which blocks there are, and what is refused."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import blocks
from blocks.registry import BLOCKS
from microbench.errors import InputError

TABLE_2 = ("conv3x3", "sepconv3x3", "ghost", "inverted_residual", "shufflenet", "residual", "bottleneck")


def test_names_lists_table_2s_seven_blocks_in_the_order_of_the_readme() -> None:
    assert blocks.NAMES == TABLE_2


def test_every_name_makes_a_module() -> None:
    for name in blocks.NAMES:
        assert isinstance(blocks.make(name, 4, 8, 2), nn.Module)


def test_the_options_of_each_block_are_those_that_the_paper_leaves_open() -> None:
    assert {name: BLOCKS.options(name) for name in blocks.NAMES} == {
        "conv3x3": ("bare",),
        "sepconv3x3": ("bare", "middle_norm"),
        "ghost": ("primary_kernel", "ratio"),
        "inverted_residual": ("expansion",),
        "shufflenet": (),
        "residual": (),
        "bottleneck": ("reduction",),
    }


def test_a_block_that_registers_itself_joins_the_names_and_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BLOCKS, "_makers", dict(BLOCKS._makers))

    @BLOCKS.register("another")
    class Another(nn.Conv2d):
        def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, kernel: int = 1) -> None:
            super().__init__(in_channels, out_channels, kernel, stride)

    names = blocks.NAMES
    assert names == (*TABLE_2, "another")
    made = blocks.make("another", 2, 3, 2, kernel=1)
    assert isinstance(made, Another)
    assert made(torch.zeros(1, 2, 4, 4)).shape == (1, 3, 2, 2)


def assert_one_sentence_naming(field: str, refusal: pytest.ExceptionInfo[InputError]) -> None:
    message = str(refusal.value)
    assert message.startswith(field)
    assert message.endswith(".")
    assert "\n" not in message


def test_an_unknown_block_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(InputError) as refusal:
        blocks.make("conv5x5", 4, 4)
    assert_one_sentence_naming("block 'conv5x5'", refusal)
    assert "shufflenet" in str(refusal.value)


@pytest.mark.parametrize("name", TABLE_2)
@pytest.mark.parametrize("width", [0, -8, True, 1.5, "8", None])
def test_a_width_that_is_not_a_positive_integer_is_refused(name: str, width: Any) -> None:
    for construct in (partial(blocks.make, name), BLOCKS.get(name)):
        with pytest.raises(InputError) as refusal:
            construct(width, 8)
        assert_one_sentence_naming("in_channels", refusal)
        with pytest.raises(InputError) as refusal:
            construct(8, width)
        assert_one_sentence_naming("out_channels", refusal)


@pytest.mark.parametrize("name", TABLE_2)
@pytest.mark.parametrize("stride", [0, 3, -1, True, 2.0])
def test_a_stride_other_than_1_or_2_is_refused(name: str, stride: Any) -> None:
    for construct in (partial(blocks.make, name), BLOCKS.get(name)):
        with pytest.raises(InputError) as refusal:
            construct(8, 8, stride)
        assert_one_sentence_naming("stride", refusal)


@pytest.mark.parametrize("name", TABLE_2)
def test_an_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(InputError) as refusal:
        blocks.make(name, 8, 8, dilation=2)
    assert_one_sentence_naming(f"option of block '{name}' 'dilation'", refusal)


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("conv3x3", "bare", [1, "yes", None]),
        ("sepconv3x3", "bare", [0, "no", None]),
        ("sepconv3x3", "middle_norm", [1, "yes", None]),
        ("ghost", "primary_kernel", [0, 2, 5, True, 3.0, "3"]),
        ("ghost", "ratio", [0, 1, -2, True, 2.0, "2"]),
        ("inverted_residual", "expansion", [0, -6, True, 1.5, "6"]),
        ("bottleneck", "reduction", [0, -4, True, 0.25, "4"]),
    ],
)
def test_an_option_value_out_of_range_is_refused(name: str, option: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InputError) as refusal:
            blocks.make(name, 8, 8, **{option: value})
        assert_one_sentence_naming(option, refusal)


def test_shufflenet_refuses_a_single_output_channel_which_two_branches_cannot_share() -> None:
    with pytest.raises(InputError) as refusal:
        blocks.make("shufflenet", 8, 1)
    assert_one_sentence_naming("out_channels of block 'shufflenet'", refusal)
    assert "at least 2" in str(refusal.value)
