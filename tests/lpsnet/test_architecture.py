from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest

import lpsnet
from lpsnet import Architecture
from microbench.errors import InputError

DEPTH = (1, 1, 1, 1, 1)
WIDTH = (4, 8, 16, 32, 32)


def test_the_ratios_are_those_of_present_paths_from_high_to_low() -> None:
    assert Architecture(DEPTH, WIDTH, (1 / 4, 0, 1)).ratios == (Fraction(1), Fraction(1, 4))


def test_floats_strings_and_fractions_mean_the_same() -> None:
    as_fraction = Architecture(DEPTH, WIDTH, (Fraction(11, 8), Fraction(1, 3)))
    assert Architecture(list(DEPTH), list(WIDTH), (11 / 8, 1 / 3)) == as_fraction
    assert Architecture(DEPTH, WIDTH, ("11/8", "1/3")) == as_fraction
    assert hash(as_fraction) == hash(replace(as_fraction))


def test_an_architecture_is_replaced_in_part_and_checked_again() -> None:
    architecture = Architecture(DEPTH, WIDTH, (1,))
    assert replace(architecture, width=(1, 2, 3, 4, 5)).width == (1, 2, 3, 4, 5)
    with pytest.raises(InputError, match="depth"):
        replace(architecture, depth=(0, 1, 1, 1, 1))


@pytest.mark.parametrize(
    ("depth", "width", "resolution", "sentence"),
    [
        (
            (1, 1, 1, 1),
            WIDTH,
            (1,),
            r"depth must be 5 integers of at least 1, one for each stage, not \(1, 1, 1, 1\)\.",
        ),
        ((1, 1, 0, 1, 1), WIDTH, (1,), "depth must be 5 integers of at least 1"),
        ((1, 1, 1.0, 1, 1), WIDTH, (1,), "depth must be 5 integers of at least 1"),
        ((True, 1, 1, 1, 1), WIDTH, (1,), "depth must be 5 integers of at least 1"),
        (5, WIDTH, (1,), "depth must be 5 integers of at least 1"),
        ("11111", WIDTH, (1,), "depth must be 5 integers of at least 1"),
        (DEPTH, (4, 8, 16, 32, 0), (1,), "width must be 5 integers of at least 1"),
        (DEPTH, (4, 8, 16, 32, -32), (1,), "width must be 5 integers of at least 1"),
        (DEPTH, (4, 8, 16, 32, 32, 32), (1,), "width must be 5 integers of at least 1"),
        (DEPTH, WIDTH, (0, 0, 0), r"resolution must list a number for each path, at least one of them above 0"),
        (DEPTH, WIDTH, (), "resolution must list a number for each path"),
        (DEPTH, WIDTH, "1", "resolution must list a number for each path"),
        (DEPTH, WIDTH, 1, "resolution must list a number for each path"),
        (DEPTH, WIDTH, (1, -1 / 4), "resolution must be 0 or at least 1/1000 for each path, not -0.25"),
        (DEPTH, WIDTH, (1, 1e-6), "resolution must be 0 or at least 1/1000"),
        (DEPTH, WIDTH, (float("nan"),), "resolution must be 0 or at least 1/1000 for each path, not nan"),
        (DEPTH, WIDTH, (float("inf"),), "resolution must be 0 or at least 1/1000"),
        (DEPTH, WIDTH, ("half",), "resolution must be 0 or at least 1/1000 for each path, not 'half'"),
        (DEPTH, WIDTH, ("1/0",), "resolution must be 0 or at least 1/1000"),
        (DEPTH, WIDTH, (None,), "resolution must be 0 or at least 1/1000"),
        (DEPTH, WIDTH, (True,), "resolution must be 0 or at least 1/1000"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(depth: Any, width: Any, resolution: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Architecture(depth, width, resolution)


# Table 1 of the paper, unreadable in its text form: {B}, {C} and {R} are expanded by multiples of these.
TABLE_1: dict[str, Sequence[tuple[Any, ...]]] = {
    "depth": [(0, 1, 1, 1, 1), (0, 0, 1, 1, 1), (0, 0, 0, 1, 1)],
    "width": [(4, 8, 16, 32, 32), (0, 8, 16, 32, 32), (0, 0, 16, 32, 32), (0, 0, 0, 32, 32)],
    "resolution": [tuple(Fraction(i == j, 8) for i in range(3)) for j in range(3)],
}

# Table 4: the dimension that each step expands, the row of Table 1, counted from 0, and how often it is added.
TABLE_4 = [
    ("depth", 2, 7),
    ("width", 1, 1),
    ("width", 0, 1),
    ("resolution", 0, 1),
    ("depth", 0, 2),
    ("resolution", 1, 2),
    ("resolution", 0, 1),
    ("resolution", 0, 2),
    ("width", 2, 1),
    ("width", 3, 1),
    ("resolution", 0, 1),
    ("resolution", 0, 2),
    ("width", 1, 1),
    ("width", 2, 1),
]


def test_step_0_is_the_tiny_network_of_algorithm_1() -> None:
    assert lpsnet.architecture("lpsnet-step-0") == Architecture(DEPTH, WIDTH, ("1/2", 0, 0))


@pytest.mark.parametrize("step", range(1, 15))
def test_each_step_adds_a_multiple_of_one_row_of_table_1(step: int) -> None:
    dimension, row, times = TABLE_4[step - 1]
    before = lpsnet.architecture(f"lpsnet-step-{step - 1}")
    expected = {field.name: getattr(before, field.name) for field in fields(before)}
    delta = TABLE_1[dimension][row]
    expected[dimension] = [value + times * more for value, more in zip(expected[dimension], delta, strict=True)]
    assert lpsnet.architecture(f"lpsnet-step-{step}") == Architecture(**expected)


def test_s_m_and_l_are_steps_7_8_and_10() -> None:
    assert lpsnet.architecture("lpsnet-s") == lpsnet.architecture("lpsnet-step-7")
    assert lpsnet.architecture("lpsnet-m") == lpsnet.architecture("lpsnet-step-8")
    assert lpsnet.architecture("lpsnet-l") == lpsnet.architecture("lpsnet-step-10")


def test_l_is_what_table_4_prints() -> None:
    assert lpsnet.architecture("lpsnet-l") == Architecture((1, 3, 3, 10, 10), (8, 24, 64, 160, 160), (1, 1 / 4, 0))


def test_the_last_step_is_what_table_4_prints() -> None:
    printed = Architecture((1, 3, 3, 10, 10), (8, 32, 96, 224, 224), (11 / 8, 1 / 4, 0))
    assert lpsnet.architecture("lpsnet-step-14") == printed


def test_the_names_are_s_m_l_and_the_steps() -> None:
    steps = [f"lpsnet-step-{step}" for step in range(15)]
    own = ["lpsnet-s", "lpsnet-m", "lpsnet-l", *steps]
    assert list(lpsnet.NAMES)[: len(own)] == own


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(InputError, match="network 'lpsnet-xl' is unknown; allowed: lpsnet-s, "):
        lpsnet.architecture("lpsnet-xl")


def test_table_2_has_one_free_width() -> None:
    expected = Architecture((1, 2, 4, 7, 7), (14, 28, 56, 112, 112), (1, 1 / 4, 0))
    assert lpsnet.table2_architecture(14) == expected
    with pytest.raises(InputError, match="c must be an integer of at least 1, not 0"):
        lpsnet.table2_architecture(0)
