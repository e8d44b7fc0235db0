"""Which convolutions ran in an arm: a switch that changed no kernel shows nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from microbench.measure.record import Record

_INSTRUCTION_SETS = re.compile(r"avx512|avx2|amx")


def convolutions(records: Sequence[Record]) -> tuple[str, ...]:
    """The implementations of all convolutions that the records name, each once, in their order."""
    return tuple(
        dict.fromkeys(
            str(kernel["implementation"])
            for record in records
            for kernel in _kernels(record)
            if "conv" in str(kernel["operator"]).lower() and not kernel["converts_layout"]
        )
    )


def instruction_sets(implementations: Sequence[str]) -> tuple[str, ...]:
    """The instruction sets in the names of kernels.

    >>> instruction_sets(["brgconv_avx512_f32 acdb", "jit:avx512_core", "x64:gemm:jit"])
    ('avx512',)
    """
    return tuple(dict.fromkeys(name for text in implementations for name in _INSTRUCTION_SETS.findall(text)))


def winograd_tactics(record: Record) -> tuple[str, ...]:
    """The tactics of a TensorRT row's layers that are Winograd's algorithm by their names."""
    found = [value for build in _builds(record) for value in _texts(build) if "winograd" in value.lower()]
    return tuple(dict.fromkeys(found))


def _builds(record: Record) -> Sequence[Mapping[str, Any]]:
    return (record.measurement.builds if record.measurement else None) or ()


def _kernels(record: Record) -> Iterator[Mapping[str, Any]]:
    for build in _builds(record):
        yield from build.get("kernels", ())


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
