"""JSON documents with one value wrong: what a file may hold that nobody vouches for."""

import copy
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]

ODD = [None, True, -1, 0, 0.5, 1e300, float("nan"), float("inf"), 10**400, "", "fast", [], [None], {}, {"a": 1}]
"""Values that hardly any field may have."""

DROPPED = object()
"""In place of a value: the field is taken away."""


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """All fields, and the first elements of lists."""
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*here, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield from places(inner, (*here, index))


def damaged(document: dict[str, Any], place: Place, value: Any) -> Any:
    """A copy of the document with another value, or none, at one place."""
    whole = {"document": copy.deepcopy(document)}
    container: Any = whole
    *path, last = ("document", *place)
    for step in path:
        container = container[step]
    if value is DROPPED:
        del container[last]
    else:
        container[last] = value
    return whole.get("document")
