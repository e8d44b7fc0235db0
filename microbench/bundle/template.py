"""Models whose large weights are drawn where they are used: a bundle brings the rest, and says how to draw them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from microbench.bundle.draws import draw
from microbench.runtimes.bfloat16 import to_bits

FLOAT32, FLOAT16, BFLOAT16, INT8 = "float32", "float16", "bfloat16", "int8"


@dataclass(frozen=True)
class Hole:
    """Bytes of a serialised model that are drawn: the values of one weight."""

    offset: int
    """Of the first byte in the whole model."""
    seed: int
    shape: tuple[int, ...]
    scale: float
    """The drawn values are multiplied by it, and then"""
    shift: float
    """this is added, both in float32."""
    dtype: str
    """`FLOAT32`, `FLOAT16`, `BFLOAT16` or `INT8`."""
    steps_offset: Optional[int] = None
    """Of the float32 quantisation steps in the whole model, where the weight is int8."""
    steps: int = 0
    """How many there are: one, or one for each index of the first dimension."""
    limit: int = 127
    """Largest magnitude of an int8 weight."""
    exceptions: Mapping[int, int] = dataclasses.field(default_factory=dict)
    """Bits of the few elements that do not follow from the drawn value, by index."""

    def values(self, model: bytearray) -> bytes:
        """The weight's bytes.

        Args:
            model: the whole model; the quantisation steps are read from it.
        """
        drawn = self.float32_values()
        if self.dtype == FLOAT16:
            stored: NDArray[Any] = drawn.astype("<f2").view("<u2")
        elif self.dtype == BFLOAT16:
            stored = to_bits(drawn).astype("<u2", copy=False)
        elif self.dtype == INT8:
            assert self.steps_offset is not None
            steps = np.frombuffer(model, "<f4", self.steps, self.steps_offset)
            quotients = drawn.reshape(self.steps, -1) / steps[:, np.newaxis]
            stored = np.clip(np.rint(quotients), -self.limit, self.limit).astype(np.int8).ravel().view(np.uint8)
        else:
            stored = drawn.astype("<f4", copy=False).view("<u4")
        for index, bits in self.exceptions.items():
            stored[index] = bits
        return stored.tobytes()

    def float32_values(self) -> NDArray[np.float32]:
        """The weight before it is rounded, one-dimensional."""
        values = draw(self.seed, int(np.prod(self.shape)))
        values *= np.float32(self.scale)
        values += np.float32(self.shift)
        return values


def cut(model: bytes, holes: Sequence[Hole]) -> bytes:
    """The model without what is drawn."""
    kept, end = [], 0
    for hole in sorted(holes, key=lambda hole: hole.offset):
        kept.append(model[end : hole.offset])
        end = hole.offset + _nbytes(hole)
    return b"".join([*kept, model[end:]])


def fill(template: bytes, holes: Sequence[Hole]) -> bytes:
    """The whole model of what `cut` left of it."""
    model = bytearray()
    start = 0
    in_order = sorted(holes, key=lambda hole: hole.offset)
    for hole in in_order:
        length = hole.offset - len(model)
        model += template[start : start + length]
        start += length
        model += bytes(_nbytes(hole))
    model += template[start:]
    for hole in in_order:
        model[hole.offset : hole.offset + _nbytes(hole)] = hole.values(model)
    return bytes(model)


def _nbytes(hole: Hole) -> int:
    size = {FLOAT32: 4, FLOAT16: 2, BFLOAT16: 2, INT8: 1}[hole.dtype]
    return size * int(np.prod(hole.shape))


def holes_to_json(holes: Sequence[Hole]) -> list[dict[str, Any]]:
    """Plain JSON values."""
    return [dataclasses.asdict(hole) for hole in holes]


def holes_from_json(document: Any) -> tuple[Hole, ...]:
    """The holes that `holes_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: the document is not a list of them.
    """
    return tuple(
        Hole(
            **{
                **fields,
                "shape": tuple(fields["shape"]),
                "exceptions": {int(index): bits for index, bits in fields["exceptions"].items()},
            }
        )
        for fields in document
    )
