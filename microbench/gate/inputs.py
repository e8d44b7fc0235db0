"""What a model is fed with: shapes, types, and the range of integers such as token ids.

Like the instrument, this reads on Python 3.9 and needs NumPy alone, as workers import it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.errors import InputError

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
BOOLEAN = "bool"
_MOST_VALUES = 2**29
"""Of one input: 2 GiB of float32."""
_GRAMMAR = re.compile(
    r"(?P<name>.+)=(?P<sizes>[0-9]{1,9}(x[0-9]{1,9})*)?"
    r"(:(?P<dtype>[a-z]+[0-9]{0,2})?(\[(?P<low>-?[0-9]{1,18}),(?P<high>-?[0-9]{1,18})\])?)?"
)


@dataclass(frozen=True)
class ModelInput:
    """One input of a model, completely known."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: int | None = None
    """Smallest value, of integers alone."""
    high: int | None = None
    """Largest value, of integers alone."""

    def __str__(self) -> str:
        """E.g. "1x3x64x64", "1x128 int64", as a message shows it."""
        sizes = "x".join(map(str, self.shape)) or "scalar"
        return sizes if self.dtype == "float32" else f"{sizes} {self.dtype}"

    def draw(self, rng: np.random.Generator) -> NDArray[Any]:
        """Random values: normal for floats, uniform from `low` to `high` for integers, either for booleans."""
        if self.dtype in FLOATS:
            return rng.standard_normal(self.shape, dtype=np.float32).astype(self.dtype)
        low, high = (0, 1) if self.dtype == BOOLEAN else (self.low or 0, self.high or 0)
        return rng.integers(low, high, self.shape, endpoint=True).astype(self.dtype)


@dataclass(frozen=True)
class GivenInput:
    """What a user says of an input; None where the model itself says it."""

    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    low: int | None = None
    high: int | None = None


def parse_input(text: str) -> tuple[str, GivenInput]:
    """The name of an input, and what is said of it.

    >>> parse_input("image=1x3x64x64")
    ('image', GivenInput(shape=(1, 3, 64, 64), dtype=None, low=None, high=None))
    >>> parse_input("ids=1x128:int64[0,30000]")
    ('ids', GivenInput(shape=(1, 128), dtype='int64', low=0, high=30000))

    Raises:
        InputError: the text is not of this form, the type or range is impossible, or the input would be too large.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise InputError(
            f"input {text!r} must be a name, sizes and, for integers, a type with its range, "
            "e.g. image=1x3x64x64 or ids=1x128:int64[0,30000]."
        )
    sizes, dtype = match["sizes"], match["dtype"]
    shape = None if sizes is None else tuple(int(size) for size in sizes.split("x"))
    if shape is not None and (min(shape) < 1 or math.prod(shape) > _MOST_VALUES):
        raise InputError(f"input {text!r} must have sizes of at least 1, and at most {_MOST_VALUES} values in all.")
    if dtype is not None and dtype not in (*FLOATS, *INTEGERS, BOOLEAN):
        raise InputError(f"input {text!r} must be of a type among {', '.join((*FLOATS, *INTEGERS, BOOLEAN))}.")
    low, high = (None if match[end] is None else int(match[end]) for end in ("low", "high"))
    if low is not None and high is not None:
        _require_range(text, dtype, low, high)
    return match["name"], GivenInput(shape, dtype, low, high)


def _require_range(text: str, dtype: str | None, low: int, high: int) -> None:
    if low > high:
        raise InputError(f"input {text!r} must have a range from its smallest to its largest value.")
    if dtype is None:
        return
    if dtype not in INTEGERS:
        raise InputError(f"input {text!r} must not have a range, as only integers have one.")
    limits = np.iinfo(dtype)
    if low < limits.min or high > limits.max:
        raise InputError(f"input {text!r} must have a range within {limits.min} to {limits.max}, those of {dtype}.")
