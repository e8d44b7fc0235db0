"""Dataclasses from JSON values that nobody vouches for: every type is checked, and what is wrong is named."""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import math
import types
import typing
from typing import Any, Mapping, Type, TypeVar, Union

T = TypeVar("T")

MAX_DEPTH = 32
"""Deeper values are refused where a field may hold anything: what copies or prints them calls itself once a level."""

_UNIONS = (Union, getattr(types, "UnionType", Union))  # `X | Y` has a type of its own, from Python 3.10 on
_SCALARS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


def from_document(kind: Type[T], document: object, field: str = "") -> T:
    """An instance of the dataclass `kind` from the JSON object that holds its fields.

    Values are checked against the fields' annotations, with dataclasses, tuples, mappings and unions in them. A number
    must be finite, and a whole one fit into 64 bits; fields with a default may be absent.

    >>> from microbench.measure.interval import Interval
    >>> from_document(Interval, {"estimate": 1, "low": 0.9, "high": "fast"}, "typical")
    Traceback (most recent call last):
    ValueError: typical.high must be a number, not 'fast'

    Args:
        kind: the dataclass.
        document: the JSON value.
        field: the name of the field that `document` is the value of, for messages.

    Raises:
        ValueError: a field is missing or unknown, or a value is of another type; the message names the field.
    """
    if not isinstance(document, dict):
        raise ValueError(f"{field or 'the line'} must be an object, not {_shown(document)}")
    prefix = field and f"{field}."
    known = _field_types(kind)  # type: ignore[arg-type]
    for name in document:
        if name not in known:
            raise ValueError(f"{prefix}{name} is no field")
    for own in dataclasses.fields(kind):  # type: ignore[arg-type]
        required = own.default is dataclasses.MISSING and own.default_factory is dataclasses.MISSING
        if required and own.name not in document:
            raise ValueError(f"{prefix}{own.name} is missing")
    return kind(**{name: checked(known[name], value, f"{prefix}{name}") for name, value in document.items()})


def checked(kind: Any, value: object, field: str) -> Any:
    """`value` as the annotation `kind` has it: lists become tuples, objects become dataclasses.

    Raises:
        ValueError: it is of another type; the message names `field` and what is allowed.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        if _is_deeper_than(value, MAX_DEPTH):
            raise ValueError(f"{field} is nested more than {MAX_DEPTH} deep")
        return value
    if origin in _UNIONS:
        return _one_of(arguments, value, field)
    if dataclasses.is_dataclass(kind):
        return from_document(typing.cast(Any, kind), value, field)
    if origin is tuple:
        return checked_items(arguments[0], value, field)
    if origin is collections.abc.Mapping and isinstance(value, dict):
        return {name: checked(arguments[1], item, f"{field}.{name}") for name, item in value.items()}
    if kind in _SCALARS and _is_scalar(kind, value):
        return value
    raise ValueError(f"{field} must be {_described(kind)}, not {_shown(value)}")


def checked_items(kind: Any, values: object, field: str) -> tuple[Any, ...]:
    """The items of a list, each as the annotation `kind` has it.

    Raises:
        ValueError: it is no list, or an item is of another type; the message names `field` and what is allowed.
    """
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"{field} must be a list, not {_shown(values)}")
    return tuple(checked(kind, item, f"{field}[{index}]") for index, item in enumerate(values))


def _one_of(kinds: tuple[Any, ...], value: object, field: str) -> Any:
    scalars = [kind for kind in kinds if kind in _SCALARS]
    if any(_is_scalar(kind, value) for kind in scalars):
        return value
    others = [kind for kind in kinds if kind not in _SCALARS]
    if len(others) == 1 and isinstance(value, (dict, list)):
        return checked(others[0], value, field)
    raise ValueError(f"{field} must be {' or '.join(map(_described, kinds))}, not {_shown(value)}")


def _is_scalar(kind: Any, value: object) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if isinstance(value, int):
        # Longer ones do not fit into an array.
        return kind in (int, float) and abs(value) < 2**63
    if isinstance(value, float):
        return kind is float and math.isfinite(value)
    return isinstance(value, kind)


def _described(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "a list"
    return _SCALARS.get(kind, "an object")


def _shown(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _is_deeper_than(value: object, levels: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(items) and (levels == 0 or any(_is_deeper_than(item, levels - 1) for item in items))


@functools.lru_cache(maxsize=None)
def _field_types(kind: Any) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
