"""A dataclass from JSON that nobody vouches for is whole, or refused in words that name the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from microbench.measure.checked import MAX_DEPTH, from_document


@dataclass(frozen=True)
class Inner:
    share: float


@dataclass(frozen=True)
class Outer:
    name: str
    count: int
    inner: Inner
    flags: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None
    axis: str | int | float | bool = 0
    anything: Any = None


WHOLE: dict[str, Any] = {"name": "a", "count": 1, "inner": {"share": 1}}


def test_lists_become_tuples_objects_dataclasses_and_absent_fields_their_defaults() -> None:
    assert from_document(Outer, {**WHOLE, "flags": ["x"], "sizes": {"L1": 4}}) == Outer(
        "a", 1, Inner(1), ("x",), {"L1": 4}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": "1"}, "count must be a whole number, not '1'"),
        ({"count": True}, "count must be a whole number, not true"),
        ({"count": 1.5}, "count must be a whole number, not 1.5"),
        ({"name": None}, "name must be text, not null"),
        ({"inner": {"share": "fast"}}, "inner.share must be a number, not 'fast'"),
        ({"inner": {"share": float("nan")}}, "inner.share must be a number, not nan"),
        ({"inner": {"share": False}}, "inner.share must be a number, not false"),
        ({"inner": []}, "inner must be an object, not a list"),
        ({"inner": {}}, "inner.share is missing"),
        ({"flags": ["x", 1]}, "flags[1] must be text, not 1"),
        ({"flags": "x"}, "flags must be a list, not 'x'"),
        ({"sizes": {"L1": "4 KB"}}, "sizes.L1 must be a whole number, not '4 KB'"),
        ({"sizes": 4}, "sizes must be an object or null, not 4"),
        ({"axis": None}, "axis must be text or a whole number or a number or true or false, not null"),
        ({"axis": [1]}, "axis must be text or a whole number or a number or true or false, not a list"),
        ({"colour": 1}, "colour is no field"),
        ({"name": "x" * 100, "count": "y" * 100}, "count must be a whole number, not '" + "y" * 36 + "..."),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        from_document(Outer, {**WHOLE, **change})


def test_a_field_of_anything_may_be_deep_but_not_as_deep_as_to_exhaust_what_walks_it() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert from_document(Outer, {**WHOLE, "anything": deep}).anything == deep
    with pytest.raises(ValueError, match=f"anything is nested more than {MAX_DEPTH} deep"):
        from_document(Outer, {**WHOLE, "anything": [deep]})
